//! Changing one key of the file without losing what a person wrote in it.

use crate::file::{FileError, read_bounded, write_checked};
use crate::parse::{decode, value_of_text};
use crate::secrets::names_a_secret;
use crate::suggest::nearest_key;
use crate::words::quoted;
use crate::{KEYS, Key, Name, Problem, Source, Value, has_errors, parse};
use std::path::Path;
use toml_edit::{DocumentMut, Item, TableLike};

/// Sets a key in the file to a value as a person types it: text without quotes, lists as
/// `["a", "b"]` or as one element. Comments and order stay.
///
/// # Errors
/// [`FileError`]; the file is then as it was.
pub fn set(path: &Path, key: &str, value: &str) -> Result<Value, FileError> {
    change(path, |text, file| set_in_text(text, file, key, value))
}

/// Takes a key out of the file, so that its default counts again. `false` when it was not there.
///
/// # Errors
/// [`FileError`]; the file is then as it was.
pub fn unset(path: &Path, key: &str) -> Result<bool, FileError> {
    change(path, |text, file| unset_in_text(text, file, key))
}

fn change<T>(
    path: &Path,
    how: impl FnOnce(&str, &str) -> Result<(String, T), FileError>,
) -> Result<T, FileError> {
    let file = path.display().to_string();
    let before = read_bounded(path).map_err(|problem| FileError::WouldBeWrong(vec![*problem]))?;
    let text = decode(before.as_deref().unwrap_or_default(), &file)
        .map_err(|problem| FileError::WouldBeWrong(vec![*problem]))?;
    let (changed, out) = how(text, &file)?;
    if changed != text {
        write_checked(path, &changed, before.as_deref())?;
    }
    Ok(out)
}

/// [`set`] on a text.
///
/// # Errors
/// When there is no such key, it does not take the value, or the text is not TOML.
pub fn set_in_text(text: &str, file: &str, key: &str, value: &str) -> Result<(String, Value), FileError> {
    let key = find(key)?;
    let source = Source::Argument(key.path.to_owned());
    let value = value_of_text(key, value, &source).map_err(FileError::WouldBeWrong)?;
    let mut document = document(text, file)?;
    let changed = if let Some(place) = place_for(text, &document, key) {
        let line = format!("{} = {value}\n", key.leaf());
        checked(&inserted(text, place, key, &line), text, file)?
    } else {
        put(document.as_table_mut(), key, &value).map_err(|()| wrong_shape(text, file))?;
        checked(&document.to_string(), text, file)?
    };
    let (config, _) = parse(&changed, file);
    if config.as_ref().and_then(|config| config.values().get(key.name)) != Some(&value) {
        return Err(wrong_shape(text, file));
    }
    Ok((changed, value))
}

/// [`unset`] on a text.
///
/// # Errors
/// As [`set_in_text`].
pub fn unset_in_text(text: &str, file: &str, key: &str) -> Result<(String, bool), FileError> {
    let key = find(key)?;
    let mut document = document(text, file)?;
    let removed = document
        .as_table_mut()
        .get_mut(key.section())
        .and_then(Item::as_table_like_mut)
        .and_then(|section| section.remove(key.leaf()))
        .is_some();
    if !removed {
        return Ok((text.to_owned(), false));
    }
    Ok((checked(&document.to_string(), text, file)?, true))
}

fn find(key: &str) -> Result<&'static Key, FileError> {
    if let Some(name) = Name::of_path(key) {
        return Ok(name.key());
    }
    if names_a_secret(key) {
        return Err(FileError::Secret(quoted(key)));
    }
    let (section, leaf) = key.split_once('.').unwrap_or(("", key));
    Err(FileError::NoSuchKey {
        key: quoted(key),
        meant: crate::suggest::nearest(key, KEYS.iter().map(|key| key.path))
            .map(str::to_owned)
            .or_else(|| nearest_key(section, leaf).map(|key| key.path.to_owned())),
    })
}

fn document(text: &str, file: &str) -> Result<DocumentMut, FileError> {
    text.parse::<DocumentMut>().map_err(|error| {
        let (_, problems) = parse(text, file);
        if problems.is_empty() {
            let source = Source::File(file.to_owned());
            let message = format!("this is not TOML: {}", crate::words::inert_line(error.message()));
            FileError::WouldBeWrong(vec![Problem::of(source, "syntax", message)])
        } else {
            FileError::WouldBeWrong(problems)
        }
    })
}

/// Puts the value where the key is, with the comments around it, or at the end of its section.
fn put(top: &mut dyn TableLike, key: &Key, value: &Value) -> Result<(), ()> {
    let section = top.entry(key.section()).or_insert_with(toml_edit::table);
    let section = section.as_table_like_mut().ok_or(())?;
    let mut new = value.to_toml();
    match section.get_mut(key.leaf()) {
        Some(Item::Value(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        Some(_) => return Err(()),
        None => {
            section.insert(key.leaf(), Item::Value(new));
        }
    }
    Ok(())
}

fn wrong_shape(text: &str, file: &str) -> FileError {
    let (_, mut problems) = parse(text, file);
    if problems.is_empty() {
        let message = "the key is written in a way that cannot be changed by itself";
        let source = Source::File(file.to_owned());
        problems.push(Problem::of(source, "shape", message).with_help("use `drawbridge config edit`"));
    }
    FileError::WouldBeWrong(problems)
}

/// Where a new key is a line of its own.
#[derive(Clone, Copy)]
enum Place {
    /// Behind this line, which has the key as a comment.
    Behind(usize),
    /// In a new section at the end.
    NewSection,
}

/// `None` when the key or its section is there already and has no commented line for it.
fn place_for(text: &str, document: &DocumentMut, key: &Key) -> Option<Place> {
    let Some(section) = document.get(key.section()) else {
        return commented(text, key).or(Some(Place::NewSection));
    };
    if section.get(key.leaf()).is_some() {
        return None;
    }
    commented(text, key)
}

/// The line under the section's own that has the key as a comment, as the example has all of them.
fn commented(text: &str, key: &Key) -> Option<Place> {
    let header = format!("[{}]", key.section());
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line.split('#').next().is_some_and(|line| line.trim() == header);
        }
        let comment = line.strip_prefix('#').map(str::trim_start);
        let names_it = comment
            .and_then(|comment| comment.strip_prefix(key.leaf()))
            .is_some_and(|rest| rest.trim_start().starts_with('='));
        if inside && names_it {
            return Some(Place::Behind(at));
        }
    }
    None
}

fn inserted(text: &str, place: Place, key: &Key, line: &str) -> String {
    let mut out = String::with_capacity(text.len() + line.len() + 32);
    match place {
        Place::Behind(at) => {
            for (index, old) in text.split_inclusive('\n').enumerate() {
                out.push_str(old);
                if index == at {
                    if !old.ends_with('\n') {
                        out.push('\n');
                    }
                    out.push_str(line);
                }
            }
        }
        Place::NewSection => {
            out.push_str(text);
            if !text.is_empty() && !text.ends_with('\n') {
                out.push('\n');
            }
            if !text.is_empty() {
                out.push('\n');
            }
            out.push_str(&format!("[{}]\n{line}", key.section()));
        }
    }
    out
}

/// The changed text, when it is a configuration.
fn checked(changed: &str, before: &str, file: &str) -> Result<String, FileError> {
    let mut text = changed.to_owned();
    // What is added has plain line breaks.
    if before.contains("\r\n") {
        text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    let (_, problems) = parse(&text, file);
    if has_errors(&problems) {
        return Err(FileError::WouldBeWrong(problems));
    }
    Ok(text)
}

//! Changing the file without losing what a person wrote in it.

use crate::file::{FileError, read_bounded, write_checked};
use crate::parse::{decode, value_of_text};
use crate::secrets::names_a_secret;
use crate::suggest::nearest_key;
use crate::words::quoted;
use crate::{KEYS, Key, Name, Problem, Source, Value, has_errors, parse, parse_bytes};
use std::ffi::{OsStr, OsString};
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
    put(document.as_table_mut(), key, &value).map_err(|()| wrong_shape(text, file))?;
    let changed = checked(&document, text, file)?;
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
    Ok((checked(&document, text, file)?, true))
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

/// The changed text, when it is a configuration.
fn checked(document: &DocumentMut, before: &str, file: &str) -> Result<String, FileError> {
    let mut text = document.to_string();
    // The editor of TOML writes plain line breaks into what it adds.
    if before.contains("\r\n") {
        text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    let (_, problems) = parse(&text, file);
    if has_errors(&problems) {
        return Err(FileError::WouldBeWrong(problems));
    }
    Ok(text)
}

/// How editing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// The file holds the new text.
    Written,
    /// The text was not changed.
    Unchanged,
    /// The person gave up; the file is as it was.
    GivenUp,
}

/// What a person wants after an edit that left something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Open the editor on the same text again.
    Again,
    /// Leave the file as it was.
    GiveUp,
}

/// Opens an editor on a copy, checks it, and offers the editor again while something is wrong. The file
/// is replaced only by a text that is right. A new file begins as the commented example.
///
/// `run` runs the editor on the copy and answers whether it ended well; `ask` shows the problems.
///
/// # Errors
/// [`FileError`]; the file is then as it was.
pub fn edit(
    path: &Path,
    mut run: impl FnMut(&Path) -> std::io::Result<bool>,
    mut ask: impl FnMut(&[Problem]) -> Next,
) -> Result<Edited, FileError> {
    let before = read_bounded(path).map_err(|problem| FileError::WouldBeWrong(vec![*problem]))?;
    let example = crate::example();
    let start = before.as_deref().unwrap_or(example.as_bytes());
    // The copy has the file's name, so that the editor knows what it is, in a folder of its own.
    let folder = tempfile::tempdir().map_err(FileError::files(path, "copied"))?;
    let copy = folder.path().join("config.toml");
    std::fs::write(&copy, start).map_err(FileError::files(&copy, "written"))?;
    let file = path.display().to_string();
    loop {
        let ended_well = run(&copy).map_err(FileError::files(&copy, "edited"))?;
        let after = match read_bounded(&copy) {
            Ok(after) => after.unwrap_or_default(),
            Err(problem) => match ask(&[*problem]) {
                Next::Again => continue,
                Next::GiveUp => return Ok(Edited::GivenUp),
            },
        };
        if !ended_well {
            return Ok(Edited::GivenUp);
        }
        if after == start {
            return Ok(Edited::Unchanged);
        }
        let (config, problems) = parse_bytes(&after, &file);
        if config.is_some()
            && let Ok(text) = std::str::from_utf8(&after)
        {
            write_checked(path, text, before.as_deref())?;
            return Ok(Edited::Written);
        }
        if ask(&problems) == Next::GiveUp {
            return Ok(Edited::GivenUp);
        }
    }
}

/// The command that opens an editor on a file: `VISUAL`, else `EDITOR`, else `vi`. As is the custom, the
/// variable is a piece of shell with arguments in it.
pub fn editor_command(variable: impl Fn(&str) -> Option<OsString>, file: &Path) -> std::process::Command {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let editor = set("VISUAL")
        .or_else(|| set("EDITOR"))
        .unwrap_or_else(|| OsString::from("vi"));
    let mut script = editor;
    script.push(OsStr::new(" \"$@\""));
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg(script).arg("editor").arg(file);
    command
}

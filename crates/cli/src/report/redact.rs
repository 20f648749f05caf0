//! Takes out of a text what nobody else should read: tokens, names, home folders.
//!
//! What is known (values of variables, the home folder, the user's name) is taken out wherever it stands;
//! of the rest, what looks like a token. The same thing always gets the same mark, so that a reader can
//! still tell what belongs together. A mark is never changed again: to redact twice is to redact once.

use crate::secrets::Secrets;
use serde_json::Value;
use std::collections::BTreeMap;

/// Stands for a token.
const TOKEN: &str = "[redacted]";
/// Stands for a home folder.
const HOME: &str = "[home]";
/// Stands for a name of a person.
const USER: &str = "[user]";
/// Stands for the name of this computer.
const COMPUTER: &str = "[computer]";
/// Shorter values of variables are too common to be taken out wherever they stand.
const SHORTEST: usize = 6;
/// A run of characters of tokens that is this long is one.
const LONG: usize = 32;
/// Longest name before a secret, and longest run that is looked at as one: nobody makes the search long.
const LONGEST_NAME: usize = 128;
const LONGEST_RUN: usize = 512;
/// Different long runs that get a number of their own.
const MOST_NUMBERED: usize = 10_000;
/// What makes a name one of a secret.
const SECRET_NAMES: [&str; 14] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "api_key",
    "apikey",
    "api-key",
    "authorization",
    "credential",
    "cookie",
    "private_key",
    "privatekey",
    "access_key",
];
/// How well-known tokens begin.
const BEGINNINGS: [&str; 9] = [
    "sk-",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "AGE-SECRET-KEY-",
    "eyJ",
];

/// Takes out what nobody else should read.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// Known texts and their marks, longest first.
    known: Vec<(String, &'static str)>,
    /// Known words: replaced only where they stand alone.
    words: Vec<(String, &'static str)>,
    numbers: BTreeMap<String, usize>,
}

impl Redactor {
    /// With what this process knows.
    pub(super) fn of_this_process(secrets: &Secrets) -> Self {
        let mut tokens: Vec<String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| is_secret_name(name) || name.to_ascii_lowercase().ends_with("_key"))
            .map(|(_, value)| value)
            .collect();
        tokens.extend(secrets.all().map(|secret| secret.reveal().to_owned()));
        let home = crate::system::home();
        let user = ["USER", "LOGNAME", "USERNAME"].map(|name| std::env::var(name).ok());
        let last = home
            .as_deref()
            .and_then(|home| home.rsplit(std::path::is_separator).next())
            .map(str::to_owned);
        let computer = crate::system::computer_name();
        Self::new(tokens, home, user.into_iter().flatten().chain(last), computer)
    }

    pub(super) fn new(
        tokens: impl IntoIterator<Item = String>,
        homes: impl IntoIterator<Item = String>,
        users: impl IntoIterator<Item = String>,
        computer: Option<String>,
    ) -> Self {
        let mut known: Vec<(String, &'static str)> = tokens
            .into_iter()
            .map(|token| token.trim().to_owned())
            .filter(|token| token.len() >= SHORTEST)
            .map(|token| (token, TOKEN))
            .collect();
        let homes = homes
            .into_iter()
            .map(|home| home.trim_end_matches('/').to_owned());
        known.extend(homes.filter(|home| home.len() > 1).map(|home| (home, HOME)));
        known.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        known.dedup_by(|a, b| a.0 == b.0);
        // The name says nothing about anybody, and stands in many a sentence.
        let plain = |name: &String| name.len() > 1 && name != "root" && name.bytes().all(is_word);
        let mut words: Vec<(String, &'static str)> =
            users.into_iter().filter(plain).map(|name| (name, USER)).collect();
        words.extend(
            computer
                .filter(|name| name.len() > 1 && name != "localhost")
                .map(|name| (name, COMPUTER)),
        );
        Self {
            known,
            words,
            numbers: BTreeMap::new(),
        }
    }

    /// Whether a known token is in a text.
    pub(super) fn knows_in(&self, text: &str) -> bool {
        self.known
            .iter()
            .any(|(known, mark)| *mark == TOKEN && text.contains(known.as_str()))
    }

    /// A whole value: texts and names of members; texts of members with the name of a secret wholly.
    pub(super) fn json(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(list) => list.iter().map(|value| self.json(value)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| {
                    let value = match value {
                        Value::String(text) if is_secret_name(name) && !text.is_empty() => TOKEN.into(),
                        value => self.json(value),
                    };
                    (self.text(name), value)
                })
                .collect(),
            other => other.clone(),
        }
    }

    /// A text. What was taken out may uncover more beside it, so it is looked at until nothing changes; each
    /// round leaves less that is no mark.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut now = text.to_owned();
        loop {
            let known = self.without_known(&now);
            let next = self.without_lookalikes(&known);
            if next == now {
                return now;
            }
            now = next;
        }
    }

    fn without_known(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = mark_length(rest).unwrap_or_else(|| {
                let found = self.known.iter().find(|(known, mark)| {
                    rest.strip_prefix(known.as_str()).is_some_and(|after| {
                        *mark == TOKEN
                            || !after.starts_with(|c: char| c.is_alphanumeric() || "_-.[".contains(c))
                    })
                });
                found.map_or(0, |(known, mark)| {
                    out.push_str(mark);
                    rest = &rest[known.len()..];
                    usize::MAX
                })
            });
            match length {
                usize::MAX => continue,
                0 => {
                    out.push(first);
                    rest = &rest[first.len_utf8()..];
                }
                length => {
                    out.push_str(&rest[..length]);
                    rest = &rest[length..];
                }
            }
        }
        out
    }

    fn without_lookalikes(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        // End of the address that is being copied, and of the run that was found to be no token.
        let (mut address, mut run_end) = (0, 0);
        while let Some(first) = text[at..].chars().next() {
            let rest = &text[at..];
            let starts = !text[..at].ends_with(|c: char| c.is_ascii() && is_word(c as u8));
            if let Some(length) = mark_length(rest) {
                out.push_str(&rest[..length]);
                at += length;
            } else if at < address && matches!(first, '?' | '#') && at + 1 < address {
                out.push(first);
                out.push_str(TOKEN);
                at = address;
            } else if at >= address && rest.starts_with("://") {
                address = at + address_length(rest);
                out.push_str("://");
                at += 3;
                let authority = &text[at..address];
                let authority = &authority[..authority.find(['/', '?', '#']).unwrap_or(authority.len())];
                if let Some(user) = authority.rfind('@') {
                    out.push_str(TOKEN);
                    at += user;
                }
            } else if let Some((keep, take)) = starts.then(|| named_secret(rest)).flatten() {
                out.push_str(&rest[..keep]);
                out.push_str(TOKEN);
                at += keep + take;
            } else if let Some(keep) = ["/home/", "/Users/"]
                .iter()
                .find(|home| rest.starts_with(**home))
                .map(|h| h.len())
            {
                let name = rest[keep..].find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)));
                let name = name.unwrap_or(rest.len() - keep);
                out.push_str(&rest[..keep]);
                if name > 0 {
                    out.push_str(USER);
                }
                at += keep + name;
                run_end = at;
            } else if at >= run_end && is_run(first) {
                let whole = run_length(rest, true);
                let short = run_length(rest, false);
                if looks_like_token(&rest[..short]) {
                    let mark = self.numbered(&rest[..short]);
                    out.push_str(&mark);
                    at += short;
                } else if looks_like_base64(&rest[..whole]) {
                    let mark = self.numbered(&rest[..whole]);
                    out.push_str(&mark);
                    at += whole;
                } else {
                    // Looked at as a whole; its words follow.
                    run_end = at + if first == '/' { 1 } else { short };
                    at = self.word(text, at, starts, &mut out);
                }
            } else {
                at = self.word(text, at, starts, &mut out);
            }
        }
        out
    }

    /// Copies a character, or a mark for a known word that stands alone here.
    fn word(&self, text: &str, at: usize, starts: bool, out: &mut String) -> usize {
        let rest = &text[at..];
        let alone = |word: &str| {
            rest.strip_prefix(word)
                .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        if let Some((word, mark)) = self.words.iter().find(|(word, _)| starts && alone(word)) {
            out.push_str(mark);
            return at + word.len();
        }
        let length = rest.chars().next().map_or(1, char::len_utf8);
        out.push_str(&rest[..length]);
        at + length
    }

    fn numbered(&mut self, run: &str) -> String {
        let next = self.numbers.len() + 1;
        match self.numbers.get(run) {
            Some(number) => format!("[redacted-{number}]"),
            None if next > MOST_NUMBERED => TOKEN.to_owned(),
            None => {
                self.numbers.insert(run.to_owned(), next);
                format!("[redacted-{next}]")
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-+/=".contains(c)
}

/// Length of the mark that a text begins with.
fn mark_length(text: &str) -> Option<usize> {
    let fixed = [TOKEN, HOME, USER, COMPUTER];
    if let Some(mark) = fixed.iter().find(|mark| text.starts_with(**mark)) {
        return Some(mark.len());
    }
    let number = text.strip_prefix("[redacted-")?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    (1..=5).contains(&digits).then_some(())?;
    number[digits..]
        .starts_with(']')
        .then_some("[redacted-".len() + digits + 1)
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// Length of an address from `://` on.
fn address_length(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || c.is_control() || "\"'`<>\\".contains(c))
        .unwrap_or(text.len())
}

/// In `token=abc`, `"api_key": "abc"`, `--password abc` and `Bearer abc`: what to keep and what to take.
fn named_secret(text: &str) -> Option<(usize, usize)> {
    let name = text
        .bytes()
        .take(LONGEST_NAME)
        .take_while(|b| is_word(*b) || matches!(b, b'-' | b'.'))
        .count();
    let (name, mut at) = (&text[..name], name);
    if name.is_empty() {
        return None;
    }
    let bearer = name.eq_ignore_ascii_case("bearer");
    let flag = name.starts_with("--");
    if !bearer && !is_secret_name(name) {
        return None;
    }
    let skip = |at: usize, set: &[u8]| at + text[at..].bytes().take_while(|b| set.contains(b)).count();
    if bearer {
        at = skip(at, b" \t");
    } else {
        let closed = skip(at, b"\\\"'");
        let spaced = skip(closed, b" \t");
        at = match text[spaced..].bytes().next() {
            Some(b'=' | b':') if !text[spaced..].starts_with("://") && !text[spaced..].starts_with("::") => {
                skip(spaced + 1, b" \t")
            }
            _ if flag && spaced > at => spaced,
            _ => return None,
        };
    }
    let open = at;
    at = skip(at, b"\\\"'");
    let quote = text[open..at].bytes().last();
    if at == name.len() {
        return None;
    }
    let value = &text[at..];
    let end = match quote {
        Some(quote) => value.find([quote as char, '\\', '\n']),
        None => value.find(|c: char| c.is_whitespace() || c.is_control() || "\"'`,;&)}\\".contains(c)),
    };
    let value = &value[..end.unwrap_or(value.len())];
    let harmless = ["", "true", "false", "null", "none", "bearer", "basic"];
    // What follows "Bearer" is the token, with or without a name before it.
    let carries = value
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
    if harmless.contains(&value.to_ascii_lowercase().as_str()) || value == TOKEN || carries {
        return None;
    }
    Some((at, value.len()))
}

fn run_length(text: &str, slash: bool) -> usize {
    let of_run = |b: &u8| is_run(char::from(*b)) && (slash || *b != b'/');
    text.bytes().take(LONGEST_RUN).take_while(of_run).count()
}

fn kinds(run: &str) -> (bool, bool, bool) {
    let any = |kind: fn(&u8) -> bool| run.bytes().any(|b| kind(&b));
    (
        any(u8::is_ascii_uppercase),
        any(u8::is_ascii_lowercase),
        any(u8::is_ascii_digit),
    )
}

/// A known beginning, or long and not made of words only.
fn looks_like_token(run: &str) -> bool {
    let begins = |beginning: &str| run.len() >= beginning.len() + 5 && run.starts_with(beginning);
    BEGINNINGS.iter().any(|beginning| begins(beginning)) || (run.len() >= LONG && !is_words(run))
}

/// Lower-case words with `_` or `-` between them, as names of functions and files.
fn is_words(run: &str) -> bool {
    let word = |word: &str| word.len() <= 14 && word.bytes().all(|b| b.is_ascii_lowercase());
    run.split(['_', '-']).all(word)
}

/// Standard base64 has `/` in it, as paths have.
fn looks_like_base64(run: &str) -> bool {
    let random = |part: &str| kinds(part) == (true, true, true);
    run.len() >= LONG
        && random(run)
        && (!run.starts_with('/') || run.split('/').any(|part| part.len() >= 16 && random(part)))
}

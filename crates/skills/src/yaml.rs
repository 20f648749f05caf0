//! YAML as a small tree, within limits. Nothing is expanded: an alias stays an alias.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

/// Deeper than this nobody nests front matter.
const MOST_DEPTH: usize = 16;
/// Nodes, keys included.
const MOST_NODES: usize = 2000;

/// A node and the line it begins in, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// A plain scalar that is no text: nothing, a number, true or false.
    Plain(Plain),
    List,
    Table(Vec<(Node, Node)>),
    Alias,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    Nothing,
    Number,
    Boolean,
}

/// Why there is no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoTree {
    pub(crate) line: usize,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

const TOO_DEEP: &str = "front matter is nested too deeply; keep it flat";

/// For YAML a carriage return alone ends a line, for most editors and for us it does not.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        let mut ours = vec![1];
        let mut line = 1;
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => line += 1,
                // Those before a line feed are part of that end.
                b'\r' if bytes.get(at + 1) != Some(&b'\n') => {}
                _ => continue,
            }
            ours.push(line);
        }
        Self(ours)
    }

    /// Our number of a line that YAML has this number for.
    fn of(&self, yaml: usize) -> usize {
        let last = self.0.last().copied().unwrap_or(1);
        self.0.get(yaml.saturating_sub(1)).copied().unwrap_or(last)
    }
}

/// The library reads ahead, so it may come upon its own limit before ours counts.
fn no_yaml(error: &ScanError, lines: &Lines) -> NoTree {
    let (code, message) = if error.info().contains("recursion limit") {
        ("too_deep", TOO_DEEP.to_owned())
    } else {
        let why = drawbridge_consent::visible_line(error.info());
        ("bad_yaml", format!("this is no YAML ({why})"))
    };
    NoTree {
        line: lines.of(error.marker().line()),
        code,
        message,
    }
}

/// What is open while its parts are read.
enum Open {
    List(usize),
    Table(usize, Vec<(Node, Node)>, Option<Node>),
}

/// Reads one document.
pub(crate) fn read(text: &str) -> Result<Node, NoTree> {
    let mut parser = Parser::new_from_str(text);
    let lines = Lines::new(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut documents = 0;
    let mut nodes = 0;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| no_yaml(&error, &lines))?;
        let line = lines.of(span.start.line());
        let stop = |code, message: &str| {
            Err(NoTree {
                line,
                code,
                message: message.to_owned(),
            })
        };
        let node = |value| Node { line, value };
        let done = match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return stop(
                        "bad_yaml",
                        "front matter is one YAML document; take the second one out",
                    );
                }
                None
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => None,
            Event::Alias(_) => Some(node(Value::Alias)),
            Event::Scalar(text, style, _, tag) => {
                let plain = (style == ScalarStyle::Plain && tag.is_none())
                    .then(|| plain(&text))
                    .flatten();
                Some(node(match plain {
                    Some(plain) => Value::Plain(plain),
                    None => Value::Text(text.into_owned()),
                }))
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= MOST_DEPTH => {
                return stop("too_deep", TOO_DEEP);
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(line));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Table(line, Vec::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(line)) => Some(Node {
                    line,
                    value: Value::List,
                }),
                Some(Open::Table(line, entries, _)) => Some(Node {
                    line,
                    value: Value::Table(entries),
                }),
                None => None,
            },
        };
        let Some(done) = done else { continue };
        nodes += 1;
        if nodes > MOST_NODES {
            return stop(
                "too_many_nodes",
                "front matter has too many entries; keep it short",
            );
        }
        match open.last_mut() {
            None => root = Some(done),
            Some(Open::List(_)) => {}
            Some(Open::Table(_, entries, key)) => match key.take() {
                None => *key = Some(done),
                Some(key) => entries.push((key, done)),
            },
        }
    }
    Ok(root.unwrap_or(Node {
        line: 1,
        value: Value::Plain(Plain::Nothing),
    }))
}

/// What a plain scalar is besides text.
fn plain(text: &str) -> Option<Plain> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Plain::Nothing),
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return Some(Plain::Boolean),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let special = matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN");
    let radix = |prefix: &str, radix| {
        digits
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    let float = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.ends_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.parse::<f64>().is_ok();
    (special || float || radix("0x", 16) || radix("0o", 8)).then_some(Plain::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told_apart() {
        for (text, is) in [
            ("", Some(Plain::Nothing)),
            ("~", Some(Plain::Nothing)),
            ("true", Some(Plain::Boolean)),
            ("12", Some(Plain::Number)),
            ("-1.5e3", Some(Plain::Number)),
            ("0x1F", Some(Plain::Number)),
            (".inf", Some(Plain::Number)),
            ("1.2.3", None),
            ("inf", None),
            ("nan", None),
            ("12 apples", None),
            ("-", None),
            (".", None),
            ("yes", None),
        ] {
            assert_eq!(plain(text), is, "{text:?}");
        }
    }

    #[test]
    fn a_tree_knows_its_lines_and_its_limits() {
        let tree = read("name: a\nlist:\n  - x\n  - {y: z}\n").unwrap();
        let Value::Table(entries) = tree.value else {
            panic!("a table")
        };
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].0.line, entries[1].0.line), (1, 2));
        let deep = "[".repeat(40) + &"]".repeat(40);
        assert_eq!(read(&deep).unwrap_err().code, "too_deep");
        let wide = format!("a: [{}]", "x,".repeat(3000));
        assert_eq!(read(&wide).unwrap_err().code, "too_many_nodes");
        assert_eq!(read("a: [").unwrap_err().code, "bad_yaml");
        assert_eq!(read("").unwrap().value, Value::Plain(Plain::Nothing));
    }
}

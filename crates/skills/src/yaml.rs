//! YAML as a small tree, within limits. Nothing is expanded: an alias stays an alias.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

/// Deeper than this nobody nests front matter.
const MOST_DEPTH: usize = 16;
/// Nodes, keys included.
const MOST_NODES: usize = 2000;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
}

impl At {
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// A node and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) at: At,
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
    pub(crate) at: At,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

const TOO_DEEP: &str = "front matter is nested too deeply; keep it flat";

/// For YAML a carriage return alone ends a line, for most editors and for us it does not.
struct Lines {
    /// Where a line of YAML begins.
    begin: Vec<At>,
    /// How many characters our lines have.
    long: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        let mut begin = vec![At::START];
        let mut long = Vec::new();
        let mut at = At::START;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            at.column += 1;
            match c {
                '\n' => {
                    long.push(at.column - 2);
                    at = At {
                        line: at.line + 1,
                        column: 1,
                    };
                }
                // Those before a line feed are part of that end.
                '\r' if rest.peek() != Some(&'\n') => {}
                _ => continue,
            }
            begin.push(at);
        }
        long.push(at.column - 1);
        Self { begin, long }
    }

    /// Where in our lines this is. The end of a line is a place, too; behind it there is none.
    fn of(&self, mark: Marker) -> At {
        let last = self.begin.last().copied().unwrap_or(At::START);
        let begin = self.begin.get(mark.line().saturating_sub(1)).copied();
        let begin = begin.unwrap_or(last);
        let long = self.long.get(begin.line - 1).copied().unwrap_or_default();
        At {
            column: (begin.column + mark.col()).min(long + 1),
            ..begin
        }
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
        at: lines.of(*error.marker()),
        code,
        message,
    }
}

/// What is open while its parts are read.
enum Open {
    List(At),
    Table(At, Vec<(Node, Node)>, Option<Node>),
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
        let at = lines.of(span.start);
        let stop = |code, message: &str| {
            Err(NoTree {
                at,
                code,
                message: message.to_owned(),
            })
        };
        let node = |value| Node { at, value };
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
                open.push(Open::List(at));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Table(at, Vec::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(at)) => Some(Node {
                    at,
                    value: Value::List,
                }),
                Some(Open::Table(at, entries, _)) => Some(Node {
                    at,
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
        at: At::START,
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
        assert_eq!(
            [entries[0].0.at, entries[0].1.at, entries[1].0.at].map(|at| (at.line, at.column)),
            [(1, 1), (1, 7), (2, 1)]
        );
        let deep = "[".repeat(40) + &"]".repeat(40);
        assert_eq!(read(&deep).unwrap_err().code, "too_deep");
        let wide = format!("a: [{}]", "x,".repeat(3000));
        assert_eq!(read(&wide).unwrap_err().code, "too_many_nodes");
        assert_eq!(read("a: [").unwrap_err().code, "bad_yaml");
        assert_eq!(read("").unwrap().value, Value::Plain(Plain::Nothing));
    }
}

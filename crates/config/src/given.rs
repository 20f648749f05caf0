//! What somebody gave as a value, before it is known whether the key takes it.

use std::ops::Range;
use toml::Spanned;
use toml::de::DeValue;

/// A value with the place it was written at (empty for variables and arguments).
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub what: What,
    pub range: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Text(String),
    /// `None` when it is too large for any key.
    Integer(Option<i64>),
    Float,
    Boolean,
    Date,
    List(Vec<Given>),
    Table,
}

impl What {
    /// For "found ...".
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            What::Text(_) => "text",
            What::Integer(_) => "a number",
            What::Float => "a number with a fraction",
            What::Boolean => "true or false",
            What::Date => "a date or time",
            What::List(_) => "a list",
            What::Table => "a table",
        }
    }
}

impl Given {
    /// A value of the file.
    pub(crate) fn of(value: &Spanned<DeValue<'_>>) -> Self {
        let what = match value.get_ref() {
            DeValue::String(text) => What::Text(text.clone().into_owned()),
            DeValue::Integer(number) => {
                What::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok())
            }
            DeValue::Float(_) => What::Float,
            DeValue::Boolean(_) => What::Boolean,
            DeValue::Datetime(_) => What::Date,
            DeValue::Array(items) => What::List(items.iter().map(Given::of).collect()),
            DeValue::Table(_) => What::Table,
        };
        Self {
            what,
            range: value.span(),
        }
    }

    /// A value from a variable or an argument.
    pub(crate) fn text(text: &str) -> Self {
        Self {
            what: What::Text(text.to_owned()),
            range: 0..0,
        }
    }
}

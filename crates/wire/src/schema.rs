//! The JSON Schema of our protocols, as it is checked in under `docs/schema`.

use crate::{control, enroll, link, pipe};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// One document: all messages of one protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Name of its file.
    pub file: &'static str,
    /// Its content, in the order [`canonical`] gives.
    pub schema: Value,
}

/// All documents, made from the types that are spoken.
#[must_use]
pub fn documents() -> Vec<Document> {
    vec![
        Protocol::new("The control socket: what a client sends and what it is told")
            .message::<control::Request>()
            .message::<control::Notification>()
            .message::<control::HostView>()
            .message::<control::AnswerResult>()
            .message::<crate::buses::ConfigOffer>()
            .message::<crate::processes::ProcessesView>()
            .message::<control::ErrorData>()
            .document("control.v1.json"),
        Protocol::new("The bus link: one message a text frame, subprotocol drawbridge.v1")
            .message::<link::FromBus>()
            .message::<link::FromHost>()
            .message::<link::TunnelEnd>()
            .document("link.v1.json"),
        Protocol::new("The pipes of a host and its connector: one message a line")
            .message::<pipe::ToConnector>()
            .message::<pipe::FromConnector>()
            .message::<pipe::HostSetup>()
            .message::<pipe::HostReady>()
            .document("pipe.v1.json"),
        Protocol::new("Enrollment at a bus: the bodies of /api/pair, /api/enroll and /api/enrollments")
            .message::<enroll::PairRequest>()
            .message::<enroll::PairAnswer>()
            .message::<enroll::EnrollRequest>()
            .message::<enroll::EnrollAnswer>()
            .message::<enroll::EnrollmentView>()
            .document("enroll.v1.json"),
    ]
}

struct Protocol {
    generator: SchemaGenerator,
    description: &'static str,
    messages: Vec<Schema>,
}

impl Protocol {
    fn new(description: &'static str) -> Self {
        Self {
            generator: SchemaSettings::draft2020_12().into_generator(),
            description,
            messages: Vec::new(),
        }
    }

    fn message<T: JsonSchema>(mut self) -> Self {
        self.messages.push(self.generator.subschema_for::<T>());
        self
    }

    fn document(mut self, file: &'static str) -> Document {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "description": self.description,
            "anyOf": self.messages,
            "$defs": self.generator.take_definitions(true),
        });
        Document {
            file,
            schema: canonical(schema),
        }
    }
}

/// The same schema with members and `required` in alphabetical order, so that two that say the same are
/// the same text.
#[must_use]
pub fn canonical(schema: Value) -> Value {
    match schema {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members
                .into_iter()
                .map(|(name, value)| {
                    let mut value = canonical(value);
                    if let ("required", Value::Array(names)) = (name.as_str(), &mut value) {
                        names.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                    }
                    (name, value)
                })
                .collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(Map::from_iter(members))
        }
        Value::Array(values) => Value::Array(values.into_iter().map(canonical).collect()),
        other => other,
    }
}

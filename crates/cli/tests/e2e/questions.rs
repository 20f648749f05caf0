//! Questions of the agent and of an MCP server, from the real codex to the person and back to the model.

use crate::world::{Client, Plan, World};
use drawbridge_testkit::asking_server::AskingServer;
use drawbridge_testkit::home::ExtraConfig;
use drawbridge_wire::Decision;
use drawbridge_wire::control::{ApprovalKind, ApprovalState, ApprovalView};
use serde_json::{Map, Value, json};
use tokio::net::UnixStream;

/// One thread of the user's own, whose model asks what a test wants to have asked.
struct Asking {
    world: World,
    server: AskingServer,
    local: Client<UnixStream>,
    thread: String,
}

impl Asking {
    async fn start() -> Self {
        let server = AskingServer::start().await.unwrap();
        let extra = ExtraConfig {
            keys: "",
            tables: &server.table("asker"),
        };
        let plan = Plan {
            extra,
            ..Plan::default()
        };
        let world = World::start_with(plan).await;
        let mut local = world.local().await;
        let thread = local.thread(&world.work, "on-request", "read-only").await;
        Self {
            world,
            server,
            local,
            thread,
        }
    }

    /// The agent asks the person; codex has that tool in plan mode only.
    async fn agent_asks(&mut self) -> ApprovalView {
        let options = json!([
            { "label": "Red", "description": "the first" },
            { "label": "Blue", "description": "the second" },
        ]);
        let questions = json!({ "questions": [
            { "id": "color", "header": "Color", "question": "Which color?", "options": options },
        ]});
        let script = format!("CALL: request_user_input {questions}\nSAY: end");
        let settings = json!({ "model": "gpt-5.5" });
        let params = json!({
            "threadId": self.thread,
            "input": [{ "type": "text", "text": script }],
            "collaborationMode": { "mode": "plan", "settings": settings },
        });
        self.local.call("turn/start", params).await.unwrap();
        self.world.open_approval().await
    }

    /// The MCP server asks the person.
    async fn server_asks(&mut self, question: &Value) -> ApprovalView {
        self.calls(&format!("ask {question}")).await
    }

    /// The model calls a tool of the server.
    async fn calls(&mut self, call: &str) -> ApprovalView {
        let script = format!("CALLNS: mcp__asker {call}\nSAY: end");
        self.local.turn(&self.thread, &script).await.unwrap();
        self.world.open_approval().await
    }

    /// A command of `approvals` that counts, and then the state of the approval.
    async fn cli(&self, card: &ApprovalView, word: &str, more: &[&str]) -> ApprovalState {
        let output = self
            .world
            .cli(&[&["approvals", word, &card.id], more].concat())
            .await;
        assert!(output.status.success(), "{output:?}");
        self.world.ended_approval(&card.id).await
    }

    /// One that does not count, and what it said. The question stays open.
    async fn refused(&self, card: &ApprovalView, more: &[&str]) -> String {
        let args = [&["approvals", "accept", &card.id], more].concat();
        let output = self.world.cli(&args).await;
        assert!(!output.status.success(), "{output:?}");
        let view = self.world.open_approval().await;
        assert_eq!(view.id, card.id);
        String::from_utf8(output.stderr).unwrap()
    }

    /// How the turn ended, and what the model was told by the last tool.
    async fn end(&mut self) -> (String, String) {
        let end = self.local.method("turn/completed").await;
        let status = end["params"]["turn"]["status"].as_str().unwrap().to_owned();
        let last = self.world.model.recorded().last().unwrap().tool_outputs().pop();
        (status, last.unwrap_or_default())
    }

    async fn stop(self) {
        self.world.stop().await;
        self.server.shutdown().await;
    }
}

fn words(card: &ApprovalView) -> Vec<&str> {
    card.choices.iter().map(|choice| choice.decision.word()).collect()
}

// proves S0.14
#[tokio::test]
async fn a_question_of_the_agent_is_answered_and_the_model_reads_it() {
    let mut asking = Asking::start().await;
    let card = asking.agent_asks().await;
    assert_eq!(card.kind, ApprovalKind::UserInput);
    assert_eq!(card.headline, "The agent asks: Which color?");
    assert_eq!(words(&card), ["answers", "decline", "cancel"]);
    let said = asking.refused(&card, &[]).await;
    assert!(said.contains("the questions are color"), "{said}");
    let said = asking.refused(&card, &["--reply", "size=L"]).await;
    assert!(said.contains("no question \"size\""), "{said}");

    let state = asking.cli(&card, "accept", &["--reply", "color=Blue"]).await;
    let nothing_typed = Decision::Answers(Map::new());
    assert!(
        matches!(&state, ApprovalState::Applied { decision, .. } if *decision == nothing_typed),
        "{state:?}"
    );
    let told = r#"{"answers":{"color":{"answers":["Blue"]}}}"#;
    assert_eq!(asking.end().await, ("completed".into(), told.into()));

    let card = asking.agent_asks().await;
    asking.cli(&card, "decline", &[]).await;
    let told = r#"{"answers":{}}"#;
    assert_eq!(asking.end().await, ("completed".into(), told.into()));

    let card = asking.agent_asks().await;
    asking.cli(&card, "cancel", &[]).await;
    assert_eq!(asking.end().await.0, "interrupted");
    asking.stop().await;
}

fn form() -> Value {
    json!({
        "message": "Who are you?",
        "requestedSchema": { "type": "object", "required": ["name"], "properties": {
            "name": { "type": "string" }, "age": { "type": "integer" },
        }},
    })
}

// proves S0.14
#[tokio::test]
async fn a_form_of_a_server_is_filled_in_and_the_model_reads_it() {
    let mut asking = Asking::start().await;
    let card = asking.server_asks(&form()).await;
    assert_eq!(card.kind, ApprovalKind::Elicitation);
    assert_eq!(card.headline, "An MCP server asks: Who are you?");
    assert_eq!(words(&card), ["answers", "decline", "cancel"]);
    let said = asking.refused(&card, &[]).await;
    assert!(said.contains("the questions are age, name"), "{said}");
    let said = asking.refused(&card, &["--reply", "age=41"]).await;
    assert!(said.contains("\"name\" needs a reply"), "{said}");
    let said = asking
        .refused(&card, &["--reply", "name=Ann", "--reply", "age=old"])
        .await;
    assert!(said.contains("\"age\" must be a whole number"), "{said}");

    let replies = ["--reply", "name=Ann", "--reply", "age=41"];
    asking.cli(&card, "accept", &replies).await;
    let (end, told) = asking.end().await;
    assert_eq!(end, "completed");
    let content = r#"{\"action\":\"accept\",\"content\":{\"age\":41,\"name\":\"Ann\"}}"#;
    assert!(told.contains(content), "{told}");

    let card = asking.server_asks(&form()).await;
    asking.cli(&card, "decline", &[]).await;
    let (end, told) = asking.end().await;
    assert_eq!(end, "completed");
    assert!(told.contains(r#"{\"action\":\"decline\"}"#), "{told}");

    // codex would go on after it.
    let card = asking.server_asks(&form()).await;
    asking.cli(&card, "cancel", &[]).await;
    assert_eq!(asking.end().await.0, "interrupted");
    asking.stop().await;
}

// proves S0.14
#[tokio::test]
async fn an_address_of_a_server_is_agreed_to_or_not() {
    let mut asking = Asking::start().await;
    let visit = json!({
        "mode": "url", "message": "Sign in", "url": "https://example.org/x", "elicitationId": "e1",
    });
    for (word, told) in [
        ("accept", r#"\"action\":\"accept\""#),
        ("decline", r#"\"action\":\"decline\""#),
    ] {
        let card = asking.server_asks(&visit).await;
        assert_eq!(words(&card), ["accept", "decline", "cancel"]);
        assert_eq!(card.choices[0].label, "Agree, and open the address yourself");
        assert!(card.body.contains("https://example.org/x"), "{}", card.body);
        let said = asking.refused(&card, &["--reply", "a=b"]).await;
        assert!(said.contains("[not_offered]"), "{said}");
        asking.cli(&card, word, &[]).await;
        let (end, said) = asking.end().await;
        assert_eq!(end, "completed");
        assert!(said.contains(told), "{said}");
    }
    let elicits = &asking.server.client()["capabilities"]["elicitation"];
    assert!(elicits["url"].is_object(), "codex says that it can: {elicits}");
    asking.stop().await;
}

/// codex asks in the same words whether a tool may run.
// proves S0.14
#[tokio::test]
async fn a_tool_of_a_server_runs_when_it_may() {
    let mut asking = Asking::start().await;
    for (word, told) in [("accept", "written"), ("decline", "user rejected MCP tool call")] {
        let card = asking.calls("write {}").await;
        assert_eq!(card.headline, "Run a tool of an MCP server: write");
        assert_eq!(
            words(&card),
            ["accept", "accept_for_session", "decline", "cancel"]
        );
        asking.cli(&card, word, &[]).await;
        let (ended, said) = asking.end().await;
        assert_eq!(ended, "completed");
        assert!(said.contains(told), "{said}");
    }
    let card = asking.calls("write {}").await;
    asking.cli(&card, "cancel", &[]).await;
    assert_eq!(asking.end().await.0, "interrupted");
    asking.stop().await;
}

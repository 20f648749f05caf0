//! As much of the WebDriver protocol as these tests speak.

use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Longest wait for anything.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// How often the driver is asked again: it tells nothing by itself.
const STEP: Duration = Duration::from_millis(100);

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    NoJson(#[from] serde_json::Error),
    /// In the driver's words.
    #[error("{0}")]
    Refused(Value),
    #[error("the driver closed the connection")]
    Closed,
    #[error("no answer to {0}")]
    Silent(String),
}

/// One session.
pub(crate) struct Browser {
    port: u16,
    session: String,
}

impl Browser {
    /// Starts `program` under the driver at `port`.
    pub(crate) async fn start(port: u16, program: &str) -> Self {
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "webkitgtk:browserOptions": {"binary": program, "args": []}
        }}});
        let begin = Instant::now();
        let answer = loop {
            match call(port, "POST", "/session", Some(&capabilities)).await {
                Ok(answer) => break answer,
                Err(error) if begin.elapsed() > SOON => panic!("no session: {error}"),
                Err(_) => sleep(STEP).await,
            }
        };
        let session = answer["sessionId"].as_str().unwrap().to_owned();
        Self { port, session }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, CallError> {
        let path = format!("/session/{}{path}", self.session);
        call(self.port, method, &path, body.as_ref()).await
    }

    pub(crate) async fn window(&self) -> String {
        let handle = self.call("GET", "/window", None).await.unwrap();
        handle.as_str().unwrap().to_owned()
    }

    async fn windows(&self) -> Vec<String> {
        let handles = self.call("GET", "/window/handles", None).await.unwrap();
        serde_json::from_value(handles).unwrap()
    }

    /// Waits for a window besides this one.
    pub(crate) async fn other_window(&self, this: &str) -> String {
        let begin = Instant::now();
        loop {
            if let Some(other) = self.windows().await.into_iter().find(|handle| handle != this) {
                return other;
            }
            assert!(begin.elapsed() < SOON, "no other window came");
            sleep(STEP).await;
        }
    }

    /// Waits until this is the only window.
    pub(crate) async fn only_window(&self, this: &str) {
        let begin = Instant::now();
        while self.windows().await != [this] {
            assert!(begin.elapsed() < SOON, "the other window stays");
            sleep(STEP).await;
        }
    }

    pub(crate) async fn switch(&self, window: &str) {
        self.call("POST", "/window", Some(json!({"handle": window})))
            .await
            .unwrap();
    }

    /// Waits for a window besides this one, goes to it and waits until it shows this text.
    pub(crate) async fn dialog(&self, main: &str, text: &str) -> String {
        let dialog = self.other_window(main).await;
        self.switch(&dialog).await;
        self.until_text(text).await;
        dialog
    }

    async fn script(&self, script: &str, args: Value) -> Result<Value, CallError> {
        self.call(
            "POST",
            "/execute/sync",
            Some(json!({"script": script, "args": args})),
        )
        .await
    }

    /// Waits until the page shows this text.
    pub(crate) async fn until_text(&self, text: &str) {
        let begin = Instant::now();
        loop {
            let shown = self.script("return document.body.innerText", json!([])).await;
            let shown = shown.ok().and_then(|shown| shown.as_str().map(str::to_owned));
            if shown.as_ref().is_some_and(|shown| shown.contains(text)) {
                return;
            }
            assert!(begin.elapsed() < SOON, "`{text}` is not in {shown:?}");
            sleep(STEP).await;
        }
    }

    /// Begins to note how long the main thread of the page is busy in one piece, in milliseconds.
    pub(crate) async fn note_busy(&self) {
        // A message to itself every few milliseconds; what comes late was held up by a task that was long. A
        // frame begins a task of its own and goes before messages, so each frame is a look, too.
        let script = "const pause = 4; const busy = { longest: 0, over: 0, when: 0 }; window.__busy = busy; \
            let at = performance.now(); const begun = at; \
            const look = () => { const now = performance.now(); const late = now - at - pause; at = now; \
              if (late > busy.longest) { busy.longest = late; busy.when = now - begun; } if (late > 50) busy.over += 1; }; \
            const again = () => { look(); setTimeout(again, pause); }; \
            const frame = () => { look(); requestAnimationFrame(frame); }; \
            setTimeout(again, pause); requestAnimationFrame(frame);";
        self.script(script, json!([])).await.unwrap();
    }

    /// The longest of it, when it ended, counted from where this began, and how many were over 50.
    pub(crate) async fn busy(&self) -> (f64, f64, u64) {
        let script = "return [window.__busy.longest, window.__busy.when, window.__busy.over]";
        let noted = self.script(script, json!([])).await.unwrap();
        let number = |at: usize| noted[at].as_f64().unwrap();
        (number(0), number(1), noted[2].as_u64().unwrap())
    }

    /// Waits until a script says true.
    pub(crate) async fn until(&self, script: &str) {
        let begin = Instant::now();
        loop {
            let said = self.script(script, json!([])).await;
            if said.as_ref().is_ok_and(|said| *said == json!(true)) {
                return;
            }
            assert!(begin.elapsed() < SOON, "{script}: {said:?}");
            sleep(STEP).await;
        }
    }

    /// What a script says, as text.
    pub(crate) async fn says(&self, script: &str) -> String {
        let said = self.script(script, json!([])).await.unwrap();
        said.as_str().unwrap_or_default().to_owned()
    }

    /// Scrolls everything to its end, as a person who reads to the end does.
    pub(crate) async fn read_to_the_end(&self) {
        let scroll = "for (const e of document.querySelectorAll('*')) e.scrollTop = e.scrollHeight;";
        self.script(scroll, json!([])).await.unwrap();
    }

    /// Clicks the first button whose text begins like this, as a person would: once it can be pressed, which
    /// the decisions of a card cannot be while it is new.
    pub(crate) async fn click_button(&self, text: &str) {
        let xpath =
            format!("//button[starts-with(normalize-space(.), \"{text}\") and not(@aria-disabled='true')]");
        let begin = Instant::now();
        loop {
            let refused = match self.try_click(&xpath).await {
                Ok(()) => return,
                Err(refused) => refused,
            };
            if begin.elapsed() > SOON {
                let page = self.script("return document.body.innerHTML", json!([])).await;
                panic!("no button `{text}`: {refused}\n{page:?}");
            }
            sleep(STEP).await;
        }
    }

    async fn try_click(&self, xpath: &str) -> Result<(), CallError> {
        let by = json!({"using": "xpath", "value": xpath});
        let found = self.call("POST", "/element", Some(by)).await?;
        let id = found.as_object().and_then(|found| found.values().next());
        let id = id.and_then(Value::as_str).unwrap_or_default();
        let click = format!("/element/{id}/click");
        match self.call("POST", &click, Some(json!({}))).await {
            // The window may close by what was pressed before the driver has told that it pressed it.
            Err(refused) if refused.to_string().contains("no such window") => Ok(()),
            pressed => pressed.map(|_| ()),
        }
    }

    /// Types into the field with this id, after emptying it.
    pub(crate) async fn fill(&self, id: &str, text: &str) {
        let element = self.element(&format!("//*[@id='{id}']")).await;
        let clear = format!("/element/{element}/clear");
        self.call("POST", &clear, Some(json!({}))).await.unwrap();
        let value = format!("/element/{element}/value");
        self.call("POST", &value, Some(json!({"text": text})))
            .await
            .unwrap();
    }

    /// Waits for an element.
    async fn element(&self, xpath: &str) -> String {
        let begin = Instant::now();
        loop {
            let by = json!({"using": "xpath", "value": xpath});
            if let Ok(found) = self.call("POST", "/element", Some(by)).await {
                let id = found.as_object().and_then(|found| found.values().next());
                return id.and_then(Value::as_str).unwrap().to_owned();
            }
            assert!(begin.elapsed() < SOON, "no {xpath}");
            sleep(STEP).await;
        }
    }

    /// The page as base64 of a PNG.
    pub(crate) async fn screenshot(&self) -> String {
        // Without a graphics card the driver waits for the next painting, and a page at rest paints nothing.
        let paint = "let left = 60; const step = setInterval(() => { \
            document.body.style.opacity = left % 2 ? '0.999' : ''; if (--left < 0) clearInterval(step); }, 50);";
        self.script(paint, json!([])).await.unwrap();
        let shot = self.call("GET", "/screenshot", None).await.unwrap();
        shot.as_str().unwrap().to_owned()
    }
}

/// One request; its `value`, or what the driver says is wrong.
async fn call(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        let mut chunk = vec![0_u8; 65536];
        loop {
            if let Some(text) = whole_body(&answer) {
                let answer: Value = serde_json::from_slice(text)?;
                let value = answer["value"].clone();
                return match value.get("error") {
                    Some(_) => Err(CallError::Refused(value)),
                    None => Ok(value),
                };
            }
            match stream.read(&mut chunk).await {
                Ok(count) if count > 0 => answer.extend_from_slice(&chunk[..count]),
                _ => return Err(CallError::Closed),
            }
        }
    };
    timeout(SOON, exchange)
        .await
        .map_err(|_| CallError::Silent(path.to_owned()))?
}

/// The body, once all of it is there.
fn whole_body(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))?
        .trim()
        .parse::<usize>()
        .ok()?;
    answer.get(end + 4..end + 4 + length)
}

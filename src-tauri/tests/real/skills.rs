//! Skills in a real web view, and the system's own way to open one.

use crate::session::Session;
use drawbridge_testkit::model::ScriptedModel;
use std::path::Path;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);

fn write(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// Makes a program that notes what it is given the one for texts and folders.
fn make_editor(home: &Path) -> std::path::PathBuf {
    let noted = home.join("opened");
    let program = home.join("editor");
    let note = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >> '{}'\n", noted.display());
    write(&program, &note);
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let applications = home.join(".local/share/applications");
    let entry = format!(
        "[Desktop Entry]\nType=Application\nName=Editor\nExec={} %f\nMimeType=text/plain;text/markdown;inode/directory;\n",
        program.display()
    );
    write(&applications.join("editor.desktop"), &entry);
    let kinds = "text/plain=editor.desktop\ntext/markdown=editor.desktop\ninode/directory=editor.desktop\n";
    write(
        &home.join(".config/mimeapps.list"),
        &format!("[Default Applications]\n{kinds}"),
    );
    noted
}

async fn until_opened(noted: &Path, wanted: &str) {
    let begin = Instant::now();
    loop {
        let found = std::fs::read_to_string(noted).unwrap_or_default();
        if found.lines().any(|line| line == wanted) {
            return;
        }
        assert!(begin.elapsed() < SOON, "`{wanted}` is not in {found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A skill that is written while the page is open shows there, is switched off through Codex, shows its mistake,
/// and opens in the person's editor; one that could be run does not.
// proves S0.09, S5.32
#[tokio::test]
#[ignore = "needs a desktop: cargo xtask desktop"]
async fn a_skill_shows_is_switched_and_opens_in_the_editor_of_the_desktop() {
    let model = ScriptedModel::start().await.unwrap();
    let session = Session::start(&model.base_url()).await;
    let noted = make_editor(&session.home_folder());
    let browser = session.app().await;
    browser.until_text("Set up Drawbridge").await;
    browser
        .until("localStorage.setItem('drawbridge.first_run', '1'); location.hash = '#/skills'; location.reload(); return true")
        .await;
    let root = session.home_folder().join(".agents/skills");
    browser.until_text("not there yet").await;
    let file = root.join("greet/SKILL.md");
    write(&file, "---\nname: greet\ndescription: Says hello.\n---\n");
    browser.until_text("Says hello.").await;
    browser.until_text("new").await;
    let is = |on: &str| {
        format!(
            "const one = document.querySelector('[role=switch][aria-label=\"Codex uses greet\"]'); \
             return one?.getAttribute('aria-checked') === '{on}' && one.getAttribute('aria-busy') === 'false'"
        )
    };
    browser.until(&is("true")).await;
    let click =
        "document.querySelector('[role=switch][aria-label=\"Codex uses greet\"]').click(); return true";
    browser.until(click).await;
    browser.until(&is("false")).await;
    session.keep("skills.png", &browser.screenshot().await);

    write(&file, "---\nname: greet\n---\n");
    browser.until_text("cannot be used").await;
    browser.click_button("Open").await;
    until_opened(&noted, &file.to_string_lossy()).await;
    let go = format!(
        "location.hash = '#/skills/' + encodeURIComponent('{}'); return true",
        file.display()
    );
    browser.until(&go).await;
    browser.click_button("Open the folder").await;
    let folder = format!("{}/", root.join("greet").display());
    until_opened(&noted, &folder).await;
    session.keep("skill-open.png", &browser.screenshot().await);

    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    browser.click_button("Open the file").await;
    browser.until_text("may be run as a program").await;

    session.end().await;
    model.shutdown().await;
}

//! The vault in words.

use drawbridge_consent::visible_line;
use drawbridge_wire::buses::{VaultCondition, VaultView};

/// The vault, when there is something to say of it.
pub(crate) fn vault(view: &VaultView) -> Vec<String> {
    let mut lines = Vec::new();
    match &view.state {
        VaultCondition::None | VaultCondition::Open => {}
        VaultCondition::Opening => {
            lines.push(format!("vault: asking {} for its key", visible_line(&view.place)));
        }
        VaultCondition::Failed { code, message } => {
            lines.push(format!("vault: {} [{code}]", visible_line(message)));
        }
    }
    let odd = view.files.iter().filter(|file| file.code != "good");
    lines.extend(odd.map(|file| {
        format!(
            "vault, {}: {} [{}]",
            visible_line(&file.name),
            visible_line(&file.message),
            file.code
        )
    }));
    lines.extend(
        view.notices
            .iter()
            .map(|notice| format!("vault: {} [{}]", visible_line(&notice.message), notice.code)),
    );
    lines
}

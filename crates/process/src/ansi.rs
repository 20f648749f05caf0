//! Plain text out of what a program wrote for a terminal.

/// The line without escape sequences and without control characters other than the tab.
pub(crate) fn strip(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn skip_escape(chars: &mut std::str::Chars<'_>) {
    match chars.next() {
        Some('[') => skip_csi(chars),
        // Strings (title, hyperlink, device control ...) end with BEL or ESC \.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    return;
                }
                if c == '\u{1b}' {
                    chars.next();
                    return;
                }
            }
        }
        // Two more characters: choice of a character set and the like.
        Some(' '..='/') => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_csi(chars: &mut std::str::Chars<'_>) {
    for c in chars.by_ref() {
        if ('@'..='~').contains(&c) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn escape_sequences_and_controls_vanish() {
        for (raw, plain) in [
            ("\u{1b}[31mERROR\u{1b}[0m text", "ERROR text"),
            ("\u{1b}[38;5;196mx\u{1b}[K", "x"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://h\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(Bplain", "plain"),
            ("\u{9b}2Jgone", "gone"),
            ("a\tb\r\u{8}\u{0}c", "a\tbc"),
            ("cut\u{1b}[31", "cut"),
            ("cut\u{1b}", "cut"),
            ("größe ✓", "größe ✓"),
        ] {
            assert_eq!(strip(raw), plain, "{raw:?}");
        }
    }
}

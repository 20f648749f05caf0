//! Names of characters that do not show themselves.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

const CONTROLS: [&str; 32] = [
    "NULL",
    "START OF HEADING",
    "START OF TEXT",
    "END OF TEXT",
    "END OF TRANSMISSION",
    "ENQUIRY",
    "ACKNOWLEDGE",
    "BELL",
    "BACKSPACE",
    "TAB",
    "LINE FEED",
    "LINE TABULATION",
    "FORM FEED",
    "CARRIAGE RETURN",
    "SHIFT OUT",
    "SHIFT IN",
    "DATA LINK ESCAPE",
    "DEVICE CONTROL ONE",
    "DEVICE CONTROL TWO",
    "DEVICE CONTROL THREE",
    "DEVICE CONTROL FOUR",
    "NEGATIVE ACKNOWLEDGE",
    "SYNCHRONOUS IDLE",
    "END OF TRANSMISSION BLOCK",
    "CANCEL",
    "END OF MEDIUM",
    "SUBSTITUTE",
    "ESCAPE",
    "INFORMATION SEPARATOR FOUR",
    "INFORMATION SEPARATOR THREE",
    "INFORMATION SEPARATOR TWO",
    "INFORMATION SEPARATOR ONE",
];

/// Characters that no general category gives away: blank although they count as letters, symbols or
/// marks, plus what the standard says a renderer may leave out (`Default_Ignorable_Code_Point`).
fn blank_or_ignorable(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
        | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
        | 0xFFF0..=0xFFFC | 0x13441..=0x13442 | 0x1BCA0..=0x1BCA3 | 0x1D159 | 0x1D173..=0x1D17A
        | 0xE0000..=0xE0FFF)
}

/// Whether a reader would not see this character, or would see something else for it.
pub(crate) fn hides(c: char) -> bool {
    if (' '..='~').contains(&c) {
        return false;
    }
    blank_or_ignorable(c)
        || matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::Surrogate
                | GeneralCategory::PrivateUse
                | GeneralCategory::Unassigned
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::SpaceSeparator
        )
}

/// Whether this character is drawn over the one before it.
pub(crate) fn is_mark(c: char) -> bool {
    !c.is_ascii()
        && matches!(
            c.general_category(),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
        )
}

/// What a person is told about a character: its name where it has a well-known one, else its class.
pub(crate) fn name(c: char) -> String {
    let code = u32::from(c);
    if let Some(name) = usize::try_from(code).ok().and_then(|i| CONTROLS.get(i)) {
        return (*name).to_owned();
    }
    if let Some(name) = well_known(code) {
        return name.to_owned();
    }
    match code {
        0xFE00..=0xFE0F => format!("VARIATION SELECTOR-{}", code - 0xFE00 + 1),
        0xE0100..=0xE01EF => format!("VARIATION SELECTOR-{}", code - 0xE0100 + 17),
        // Tags repeat ASCII invisibly; the letter that they spell is what a person wants to know.
        0xE0020..=0xE007E => match char::from_u32(code - 0xE0000) {
            Some(letter) if letter != ' ' => format!("TAG {letter}"),
            _ => "TAG SPACE".to_owned(),
        },
        _ => unicode_names2::name(c).map_or_else(|| class(c).to_owned(), |name| name.to_string()),
    }
}

fn class(c: char) -> &'static str {
    match c.general_category() {
        GeneralCategory::Control => "CONTROL",
        GeneralCategory::Format => "FORMAT CHARACTER",
        GeneralCategory::PrivateUse => "PRIVATE USE",
        GeneralCategory::SpaceSeparator => "SPACE",
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark => "COMBINING MARK",
        GeneralCategory::Unassigned => "UNASSIGNED",
        _ => "INVISIBLE CHARACTER",
    }
}

fn well_known(code: u32) -> Option<&'static str> {
    Some(match code {
        0x7F => "DELETE",
        0x85 => "NEXT LINE",
        0x9B => "CONTROL SEQUENCE INTRODUCER",
        0xA0 => "NO-BREAK SPACE",
        0xAD => "SOFT HYPHEN",
        0xB7 => "MIDDLE DOT",
        0x34F => "COMBINING GRAPHEME JOINER",
        0x61C => "ARABIC LETTER MARK",
        0x115F => "HANGUL CHOSEONG FILLER",
        0x1160 => "HANGUL JUNGSEONG FILLER",
        0x1680 => "OGHAM SPACE MARK",
        0x180E => "MONGOLIAN VOWEL SEPARATOR",
        0x2000 => "EN QUAD",
        0x2001 => "EM QUAD",
        0x2002 => "EN SPACE",
        0x2003 => "EM SPACE",
        0x2004 => "THREE-PER-EM SPACE",
        0x2005 => "FOUR-PER-EM SPACE",
        0x2006 => "SIX-PER-EM SPACE",
        0x2007 => "FIGURE SPACE",
        0x2008 => "PUNCTUATION SPACE",
        0x2009 => "THIN SPACE",
        0x200A => "HAIR SPACE",
        0x200B => "ZERO WIDTH SPACE",
        0x200C => "ZERO WIDTH NON-JOINER",
        0x200D => "ZERO WIDTH JOINER",
        0x200E => "LEFT-TO-RIGHT MARK",
        0x200F => "RIGHT-TO-LEFT MARK",
        0x2028 => "LINE SEPARATOR",
        0x2029 => "PARAGRAPH SEPARATOR",
        0x202A => "LEFT-TO-RIGHT EMBEDDING",
        0x202B => "RIGHT-TO-LEFT EMBEDDING",
        0x202C => "POP DIRECTIONAL FORMATTING",
        0x202D => "LEFT-TO-RIGHT OVERRIDE",
        0x202E => "RIGHT-TO-LEFT OVERRIDE",
        0x202F => "NARROW NO-BREAK SPACE",
        0x2039 => "SINGLE LEFT-POINTING ANGLE QUOTATION MARK",
        0x205F => "MEDIUM MATHEMATICAL SPACE",
        0x2060 => "WORD JOINER",
        0x2061 => "FUNCTION APPLICATION",
        0x2062 => "INVISIBLE TIMES",
        0x2063 => "INVISIBLE SEPARATOR",
        0x2064 => "INVISIBLE PLUS",
        0x2066 => "LEFT-TO-RIGHT ISOLATE",
        0x2067 => "RIGHT-TO-LEFT ISOLATE",
        0x2068 => "FIRST STRONG ISOLATE",
        0x2069 => "POP DIRECTIONAL ISOLATE",
        0x21E5 => "RIGHTWARDS ARROW TO BAR",
        0x2800 => "BRAILLE PATTERN BLANK",
        0x3000 => "IDEOGRAPHIC SPACE",
        0x3164 => "HANGUL FILLER",
        0xFEFF => "ZERO WIDTH NO-BREAK SPACE",
        0xFFA0 => "HALFWIDTH HANGUL FILLER",
        0xFFF9 => "INTERLINEAR ANNOTATION ANCHOR",
        0xFFFA => "INTERLINEAR ANNOTATION SEPARATOR",
        0xFFFB => "INTERLINEAR ANNOTATION TERMINATOR",
        0xFFFC => "OBJECT REPLACEMENT CHARACTER",
        0xE0001 => "LANGUAGE TAG",
        0xE007F => "CANCEL TAG",
        _ => return None,
    })
}

//! Escape sequences in texts (HL7 v2.5.1 section 2.7), written and read.

/// What separates and escapes in one message (MSH-1 and MSH-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Separators {
    pub(super) field: char,
    pub(super) component: char,
    pub(super) repetition: char,
    pub(super) escape: char,
    pub(super) subcomponent: char,
}

/// Those that the standard recommends, and that all messages of ours have.
pub(super) const SEPARATORS: Separators =
    Separators { field: '|', component: '^', repetition: '~', escape: '\\', subcomponent: '&' };

/// Longest escape sequence that is taken for one; a lone backslash in a text is none.
const SEQUENCE_BYTES_MAX: usize = 64;
/// Most line breaks or spaces that one sequence stands for, whatever it says.
const REPEAT_MAX: usize = 16;

/// A text as it may stand in a subcomponent of ours. Line breaks become `\.br\`; other control characters are
/// dropped, tabs become spaces. The two quotes that alone mean "delete what you have" (2.5.3) become nothing.
pub(super) fn escape(text: &str) -> String {
    if text == "\"\"" {
        return String::new();
    }
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '|' => escaped.push_str("\\F\\"),
            '^' => escaped.push_str("\\S\\"),
            '&' => escaped.push_str("\\T\\"),
            '~' => escaped.push_str("\\R\\"),
            '\\' => escaped.push_str("\\E\\"),
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' | '\n' | '\u{2028}' | '\u{2029}' => escaped.push_str("\\.br\\"),
            '\t' => escaped.push(' '),
            _ if character.is_control() => {}
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The text of what stands in a message. Line breaks are `\n`, whatever they were; control characters are
/// dropped, formatting too. What only looks like an escape sequence stays as it is.
pub(super) fn unescape(raw: &str, separators: &Separators) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(separators.escape) {
        text.push_str(&rest[..at]);
        rest = &rest[at + separators.escape.len_utf8()..];
        let window = &rest[..rest.floor_char_boundary(SEQUENCE_BYTES_MAX)];
        let meant = window
            .split_once(separators.escape)
            .and_then(|(body, _)| Some((body, meaning(body, separators)?)));
        match meant {
            Some((body, meant)) => {
                text.push_str(&meant);
                rest = &rest[body.len() + separators.escape.len_utf8()..];
            }
            None => text.push(separators.escape),
        }
    }
    text.push_str(rest);
    plain(&text)
}

/// One kind of line break, and no control characters.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' | '\n' => plain.push('\n'),
            '\t' => plain.push('\t'),
            _ if character.is_control() => {}
            _ => plain.push(character),
        }
    }
    plain
}

/// What stands between two escape characters; `None` where it is no escape sequence.
fn meaning(body: &str, separators: &Separators) -> Option<String> {
    let one = |character: char| Some(character.to_string());
    match body {
        "F" => one(separators.field),
        "S" => one(separators.component),
        "T" => one(separators.subcomponent),
        "R" => one(separators.repetition),
        "E" => one(separators.escape),
        // Truncation, of version 2.7.
        "P" => one('#'),
        // Highlighting.
        "H" | "N" => Some(String::new()),
        _ => match body.as_bytes().first()? {
            b'.' => formatting(&body[1..]),
            b'X' => hexadecimal(&body[1..]),
            // Another character set for what follows (2.7.3): nobody sends it beside MSH-18.
            b'C' | b'M' if is_hexadecimal(&body[1..]) => one(char::REPLACEMENT_CHARACTER),
            _ => None,
        },
    }
}

/// Commands of formatted text (2.7.6), in either case: people type them.
fn formatting(command: &str) -> Option<String> {
    let command = command.trim();
    let (name, count) = command.split_at(command.floor_char_boundary(2));
    let count = count.trim().trim_start_matches('+');
    let count: usize = if count.is_empty() { 1 } else { count.parse().ok()? };
    match name.to_ascii_lowercase().as_str() {
        "br" | "ce" => Some("\n".to_owned()),
        "sp" => Some("\n".repeat(count.min(REPEAT_MAX))),
        "sk" => Some(" ".repeat(count.min(REPEAT_MAX))),
        "fi" | "nf" | "in" | "ti" => Some(String::new()),
        _ => None,
    }
}

fn is_hexadecimal(digits: &str) -> bool {
    !digits.is_empty()
        && digits.len().is_multiple_of(2)
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Bytes as hexadecimal digits (2.7.5); mostly a line break.
fn hexadecimal(digits: &str) -> Option<String> {
    if !is_hexadecimal(digits) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    let latin_1 = |bytes: Vec<u8>| bytes.into_iter().map(char::from).collect();
    Some(String::from_utf8(bytes?).unwrap_or_else(|error| latin_1(error.into_bytes())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn separators_in_a_text_are_escaped() {
        let check = |text: &str, expected: &str| assert_eq!(escape(text), expected, "{text:?}");
        check("a|b^c&d~e\\f", "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f");
        check("one\r\ntwo\nthree\rfour", "one\\.br\\two\\.br\\three\\.br\\four");
        check("tab\there\u{0b}\u{1c}\u{85}", "tab here");
        check("Müller 王", "Müller 王");
        check("\"\"", "");
    }

    #[test]
    fn escape_sequences_are_read() {
        let check = |raw: &str, expected: &str| {
            assert_eq!(unescape(raw, &SEPARATORS), expected, "{raw:?}");
        };
        check("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f");
        check("one\\.br\\two\\.BR\\three", "one\ntwo\nthree");
        check("one\\X0D\\\\X0A\\two\\X0d0a\\three", "one\ntwo\nthree");
        check("\\H\\no mass\\N\\", "no mass");
        check("a\\.sp 2\\b\\.sp\\c\\.in+4\\d\\.ti2\\e", "a\n\nb\ncde");
        check("a\\.sk 3\\b", "a   b");
        check("M\\XC3BC\\ller M\\XFC\\ller", "Müller Müller");
        check("\\C2842\\", "\u{fffd}");
        // No sequences.
        check("C:\\temp\\x", "C:\\temp\\x");
        check("\\\\server\\share", "\\\\server\\share");
        check("a lone \\ and \\.br\\ after it", "a lone \\ and \n after it");
        check("\\X0\\ \\XZZ\\ \\.\\ \\\u{e9}\\", "\\X0\\ \\XZZ\\ \\.\\ \\\u{e9}\\");
        check("ends with \\", "ends with \\");
        check("Müller\\.br\\Ünal", "Müller\nÜnal");
    }

    #[test]
    fn no_sequence_grows_without_bound() {
        assert_eq!(unescape("\\.sp99999999\\", &SEPARATORS).len(), REPEAT_MAX);
    }

    proptest! {
        #[test]
        fn what_is_escaped_reads_back(text in "[^\\p{Cc}\u{2028}\u{2029}]*") {
            prop_assume!(text != "\"\"");
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['|', '^', '&', '~']));
            prop_assert_eq!(unescape(&escaped, &SEPARATORS), text);
        }

        #[test]
        fn any_text_is_survived(raw in ".*", noise in "[\\\\.XFSTREbrsp0-9CM]{0,40}") {
            let _ = unescape(&(raw + &noise), &SEPARATORS);
        }
    }
}

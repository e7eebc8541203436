//! From bytes to text by MSH-18 (HL7 v2.5.1 section 2.15.9.18, table 0211).

use encoding_rs::Encoding;

/// The text of a message whose MSH-18 is `names`: its repetitions, of which the first is that of the message and
/// the others may follow an escape sequence. What names no set that is known is UTF-8 where that is possible,
/// and Latin-1 otherwise: a report with a wrong letter is still a report.
pub(super) fn decode(bytes: &[u8], names: &[String]) -> String {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let known = names.iter().find_map(|name| encoding(name));
    match known.unwrap_or(LATIN_1) {
        // Much that is declared as Latin-1 is UTF-8; Latin-1 with letters beyond ASCII is hardly ever valid as that.
        encoding if encoding == LATIN_1 => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => run(LATIN_1, bytes),
        },
        encoding => run(encoding, bytes),
    }
}

/// With the quotes and dashes that Windows has among its control characters.
const LATIN_1: &Encoding = encoding_rs::WINDOWS_1252;

fn run(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

fn encoding(name: &str) -> Option<&'static Encoding> {
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let plain = plain.to_ascii_uppercase();
    Some(match plain.as_str() {
        "UNICODEUTF8" | "UTF8" | "UNICODE" => encoding_rs::UTF_8,
        "88591" | "ISO88591" => LATIN_1,
        "88592" => encoding_rs::ISO_8859_2,
        "88593" => encoding_rs::ISO_8859_3,
        "88594" => encoding_rs::ISO_8859_4,
        "88595" => encoding_rs::ISO_8859_5,
        "88596" => encoding_rs::ISO_8859_6,
        "88597" => encoding_rs::ISO_8859_7,
        "88598" => encoding_rs::ISO_8859_8,
        "88599" => encoding_rs::WINDOWS_1254,
        "885915" => encoding_rs::ISO_8859_15,
        // JIS X 0208 beside ASCII, by escape sequences: MSH-18 is `~ISO IR87` (2.15.9.18).
        "ISOIR87" | "ISOIR14" | "ISOIR159" => encoding_rs::ISO_2022_JP,
        "GB180302000" | "GB18030" => encoding_rs::GB18030,
        "KSX1001" => encoding_rs::EUC_KR,
        "BIG5" => encoding_rs::BIG5,
        // What is in no table and sent all the same: `windows-1251`, `ISO-8859-2`.
        _ => Encoding::for_label(name.trim().as_bytes())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_in_the_set_that_they_are_in() {
        let check = |name: &str, bytes: &[u8], expected: &str| {
            let names: Vec<_> = name.split('~').map(str::to_owned).collect();
            assert_eq!(decode(bytes, &names), expected, "{name}");
        };
        check("", "Müller".as_bytes(), "Müller");
        check("", b"M\xFCller", "Müller");
        check("ASCII", b"M\xFCller", "Müller");
        check("8859/1", b"M\xFCller", "Müller");
        check("8859/1", "Müller".as_bytes(), "Müller");
        check("ISO 8859-1", b"M\xFCller", "Müller");
        check("UNICODE UTF-8", "王^小東".as_bytes(), "王^小東");
        check("UNICODE UTF-8", b"\xEF\xBB\xBFMSH", "MSH");
        check("UNICODE UTF-8", b"M\xFCller", "M\u{fffd}ller");
        check("8859/2", b"Wa\xB3\xEAsa", "Wałęsa");
        check("8859/5", b"\xBB\xEE\xDA", "Люк");
        check("8859/7", b"\xC4\xE9\xEF", "Διο");
        check("8859/9", b"I\xFE\xFDk", "Işık");
        check("8859/15", b"\xA4", "€");
        check("~ISO IR87", b"Yamada \x1B$B;3ED\x1B(B", "Yamada 山田");
        check("GB 18030-2000", b"\xCD\xF5", "王");
        check("KS X 1001", b"\xFB\xF3", "洪");
        check("BIG-5", b"\xA4\xFD", "王");
        check("windows-1251", b"\xCB", "Л");
        check("CNS 11643-1992", b"a\xFF", "aÿ");
    }
}

//! Text as it was sent to text as Unicode (PS3.5 section 6.1, PS3.3 C.12.1.1.2).
//!
//! ```text
//!  Specific Character Set  ISO 2022 IR 13 \ ISO 2022 IR 87
//!                          first value: what a text begins in     escape sequences: what follows
//!  bytes --run by run, back to the first value at each delimiter--> String
//! ```
//!
//! Each run of one set is handed to encoding_rs; the walk over escape sequences is all that is ours.
//! What cannot be decoded becomes U+FFFD, never an error: a name with one bad letter is still a name.

use encoding_rs::Encoding;

const ESCAPE: u8 = 0x1B;

/// What the values of Specific Character Set (0008,0005) ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CharacterSet {
    /// Unicode and the Chinese sets, which know no escape sequences.
    whole: Option<Whole>,
    initial: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    Utf8,
    Gb18030,
}

/// Code elements in use: G0 for bytes below 80H, G1 for those above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    g0: G0,
    g1: G1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum G0 {
    /// ISO 646. JIS X 0201 Romaji too: its yen sign and overline are a backslash and a tilde in all
    /// software there is.
    #[default]
    Ascii,
    /// JIS X 0208, two bytes a character.
    Kanji,
    /// JIS X 0212, two bytes a character.
    SupplementaryKanji,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum G1 {
    /// ISO 8859-1, which senders that declare nothing mean.
    #[default]
    Latin1,
    /// Half-width Katakana of JIS X 0201.
    Katakana,
    /// Another part of ISO 8859, or Thai.
    Single(&'static Encoding),
    /// KS X 1001.
    Korean,
    /// GB 2312.
    Chinese,
}

/// The single-byte sets by their number in the ISO register, the byte that ends their escape sequence
/// (PS3.3 table C.12-3), and what decodes them.
const SINGLE_BYTE: [(u8, u8, &Encoding); 10] = [
    (101, b'B', encoding_rs::ISO_8859_2),
    (109, b'C', encoding_rs::ISO_8859_3),
    (110, b'D', encoding_rs::ISO_8859_4),
    (144, b'L', encoding_rs::ISO_8859_5),
    (127, b'G', encoding_rs::ISO_8859_6),
    (126, b'F', encoding_rs::ISO_8859_7),
    (138, b'H', encoding_rs::ISO_8859_8),
    (148, b'M', encoding_rs::WINDOWS_1254),
    (203, b'b', encoding_rs::ISO_8859_15),
    (166, b'T', encoding_rs::WINDOWS_874),
];

impl CharacterSet {
    /// That of the values as they were sent, separated by backslashes. What is not known is taken for
    /// the default repertoire.
    #[must_use]
    pub fn from_values(values: &str) -> Self {
        let first = values.split('\\').next().unwrap_or_default();
        let first = first.trim_matches([' ', '\0']).to_ascii_uppercase();
        let whole = match first.as_str() {
            "GB18030" | "GBK" | "GB2312" => Some(Whole::Gb18030),
            _ => None,
        };
        // `ISO_IR 100`, `ISO 2022 IR 100`, and what careless senders make of them.
        let digits = first.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let g1 = match digits.parse() {
            Ok(192_u8) => return Self { whole: Some(Whole::Utf8), ..Self::default() },
            Ok(13) => G1::Katakana,
            Ok(149) => G1::Korean,
            Ok(58) => G1::Chinese,
            Ok(number) => {
                let known = SINGLE_BYTE.iter().find(|(known, ..)| *known == number);
                known.map_or(G1::Latin1, |(.., encoding)| G1::Single(encoding))
            }
            Err(_) => G1::Latin1,
        };
        Self { whole, initial: State { g0: G0::Ascii, g1 } }
    }

    /// The text. `delimiters` are the characters, besides control characters, at which the set is the
    /// first one again: backslash where a value may be multiple, and `^` and `=` in names (PS3.5
    /// 6.1.2.5.3).
    #[must_use]
    pub fn decode(&self, bytes: &[u8], delimiters: &[u8]) -> String {
        match self.whole {
            Some(Whole::Utf8) => String::from_utf8_lossy(bytes).into_owned(),
            Some(Whole::Gb18030) => run(encoding_rs::GB18030, bytes),
            None => {
                Walk { bytes, at: 0, state: self.initial, initial: self.initial, delimiters }.text()
            }
        }
    }
}

fn run(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    state: State,
    initial: State,
    delimiters: &'a [u8],
}

impl<'a> Walk<'a> {
    fn text(mut self) -> String {
        let mut text = String::with_capacity(self.bytes.len());
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                ESCAPE => self.escape(),
                0x00..=0x1F => {
                    // PS3.5 6.1.2.5.3 names LF, FF, CR and TAB; there are no others but padding.
                    self.state = self.initial;
                    self.at += 1;
                    text.push(char::from(byte));
                }
                0x20..=0x7F if self.state.g0 == G0::Ascii => {
                    if self.delimiters.contains(&byte) {
                        self.state = self.initial;
                    }
                    self.at += 1;
                    text.push(char::from(byte));
                }
                0x20..=0x7F => text.push_str(&self.kanji()),
                0x80.. => text.push_str(&self.upper()),
            }
        }
        text
    }

    /// Takes up an escape sequence; one that is not known is left out.
    fn escape(&mut self) {
        let rest = &self.bytes[self.at + 1..];
        let (length, state) = match rest {
            [b'(', b'B' | b'J', ..] => (2, State { g0: G0::Ascii, ..self.state }),
            [b')', b'I', ..] => (2, State { g1: G1::Katakana, ..self.state }),
            [b'-', b'A', ..] => (2, State { g1: G1::Latin1, ..self.state }),
            [b'-', last, ..] => match SINGLE_BYTE.iter().find(|(_, end, _)| end == last) {
                Some((.., encoding)) => (2, State { g1: G1::Single(encoding), ..self.state }),
                None => (0, self.state),
            },
            [b'$', b'B' | b'@', ..] => (2, State { g0: G0::Kanji, ..self.state }),
            [b'$', b'(', b'D', ..] => (3, State { g0: G0::SupplementaryKanji, ..self.state }),
            [b'$', b')', b'C', ..] => (3, State { g1: G1::Korean, ..self.state }),
            [b'$', b')', b'A', ..] => (3, State { g1: G1::Chinese, ..self.state }),
            _ => (0, self.state),
        };
        self.at += 1 + length;
        self.state = state;
    }

    /// A run of two-byte characters in G0. Both sets are those of EUC-JP with the high bits clear.
    fn kanji(&mut self) -> String {
        let bytes = self.take_while(|byte| (0x20..0x80).contains(&byte));
        let mut euc = Vec::with_capacity(bytes.len() * 3 / 2);
        for pair in bytes.chunks(2) {
            if self.state.g0 == G0::SupplementaryKanji {
                euc.push(0x8F);
            }
            euc.extend(pair.iter().map(|byte| byte | 0x80));
        }
        run(encoding_rs::EUC_JP, &euc)
    }

    /// A run of bytes above 7FH, in G1.
    fn upper(&mut self) -> String {
        let bytes = self.take_while(|byte| byte >= 0x80);
        match self.state.g1 {
            G1::Latin1 => bytes.iter().copied().map(char::from).collect(),
            G1::Katakana => run(encoding_rs::SHIFT_JIS, bytes),
            G1::Korean => run(encoding_rs::EUC_KR, bytes),
            G1::Chinese => run(encoding_rs::GBK, bytes),
            G1::Single(encoding) => run(encoding, bytes),
        }
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(values: &str, bytes: &[u8], expected: &str) {
        assert_eq!(CharacterSet::from_values(values).decode(bytes, b"\\^="), expected, "{values}");
    }

    #[test]
    fn the_standard_s_own_names_are_read() {
        // PS3.5 annexes H to K, and names in the right halves of ISO 8859.
        check(
            "\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=\u{5c71}\u{7530}^\u{592a}\u{90ce}=\u{3084}\u{307e}\u{3060}^\u{305f}\u{308d}\u{3046}",
        );
        check(
            "ISO 2022 IR 13\\ISO 2022 IR 87",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
            "\u{ff94}\u{ff8f}\u{ff80}\u{ff9e}^\u{ff80}\u{ff9b}\u{ff73}=\u{5c71}\u{7530}^\u{592a}\u{90ce}\
             =\u{3084}\u{307e}\u{3060}^\u{305f}\u{308d}\u{3046}",
        );
        check(
            "\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=\u{6d2a}^\u{5409}\u{6d1e}=\u{d64d}^\u{ae38}\u{b3d9}",
        );
        check(
            "ISO_IR 192",
            "Wang^XiaoDong=王^小東=".as_bytes(),
            "Wang^XiaoDong=\u{738b}^\u{5c0f}\u{6771}=",
        );
        check(
            "GB18030",
            b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=",
            "Wang^XiaoDong=\u{738b}^\u{5c0f}\u{4e1c}=",
        );
        check(
            "\\ISO 2022 IR 58",
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            "Zhang^XiaoDong=\u{5f20}^\u{5c0f}\u{4e1c}=",
        );
        check("ISO_IR 100", b"\xc4neas^R\xfcdiger", "Äneas^Rüdiger");
        check("ISO_IR 144", b"\xbb\xee\xda\x63\xd5", "Люкcе");
        check("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος");
    }

    #[test]
    fn a_backslash_within_a_character_separates_nothing() {
        // 誠 of GBK ends in 5CH; 樛 of JIS X 0208 is 5CH 5CH.
        check("GBK", b"\xd5\x5c\\b", "\u{8aa0}\\b");
        check("\\ISO 2022 IR 87", b"\x1b$B\\\\\x1b(B\\b", "\u{6a1b}\\b");
    }

    #[test]
    fn a_delimiter_brings_back_the_first_set() {
        check("ISO 2022 IR 100\\ISO 2022 IR 144", b"\x1b-L\xbb^\xfc", "Л^ü");
        check("ISO 2022 IR 100\\ISO 2022 IR 144", b"\x1b-L\xbb\xbb\r\n\xfc", "ЛЛ\r\nü");
    }

    #[test]
    fn what_makes_no_sense_is_survived() {
        check("ISO_IR 4711", b"M\xfcller", "Müller");
        check("", b"\x1b$Z\x1b", "$Z");
        check("ISO_IR 192", b"M\xfcller", "M\u{fffd}ller");
        check("\\ISO 2022 IR 87", b"\x1b$B;", "\u{fffd}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            values in "[ -~]{0,20}",
            bytes in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let _ = CharacterSet::from_values(&values).decode(&bytes, b"\\^=");
        }

        #[test]
        fn plain_text_is_itself_in_every_set(
            number in prop::sample::select(vec![6, 13, 58, 87, 100, 101, 126, 149, 159, 192, 203]),
            text in "[ -~]{0,60}",
        ) {
            let set = CharacterSet::from_values(&format!("ISO 2022 IR {number}"));
            prop_assert_eq!(set.decode(text.as_bytes(), b"\\^="), text);
        }
    }
}

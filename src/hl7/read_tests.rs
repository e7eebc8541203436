//! Messages as they are sent, well and badly.

use proptest::prelude::*;

use super::*;

const ORU: &str = "MSH|^~\\&|RIS^1.2.3^ISO|CLINIC \\T\\ SONS|PAROTIDD||20260101120000||ORU^R01^ORU_R01|M-1|P|2.5.1\r\
    PID|1||A1^^^H&1.2&ISO^MR~B2^^^X^PI||Doe^Jane^^^Dr.\r\
    OBX|1|TX|GDT^Text||first \\T\\ line~second||||||F\r";

fn read(text: &str) -> Message {
    Message::read(text.as_bytes()).unwrap()
}

#[test]
fn a_header_says_who_and_what() {
    let message = read(ORU);
    let expected = Header {
        sending_application: "RIS^1.2.3^ISO".into(),
        sending_facility: "CLINIC & SONS".into(),
        receiving_application: "PAROTIDD".into(),
        receiving_facility: String::new(),
        message_code: "ORU".into(),
        trigger_event: "R01".into(),
        control_id: Phi::new("M-1".into()),
        processing_id: "P".into(),
        version: "2.5.1".into(),
        character_sets: Vec::new(),
    };
    assert_eq!(*message.header(), expected);
}

#[test]
fn fields_are_found_by_the_numbers_of_the_standard() {
    let message = read(ORU);
    let pid = message.segment("PID").unwrap();
    assert_eq!(
        (pid.value(3, 1), pid.value(3, 5), pid.value(5, 2)),
        ("A1".into(), "MR".into(), "Jane".into())
    );
    let ids: Vec<_> = pid.repetitions(3).map(|it| it.component(1)).collect();
    assert_eq!(ids, ["A1", "B2"]);
    assert_eq!(pid.repetitions(3).next().unwrap().subcomponent(4, 2), "1.2");
    assert_eq!((pid.value(99, 1), pid.value(0, 0), pid.value(3, 99)), Default::default());
    let names: Vec<_> = message.segments().map(|it| it.name().to_owned()).collect();
    assert_eq!(names, ["PID", "OBX"]);
    let obx = message.segment("OBX").unwrap();
    let lines: Vec<_> = obx.repetitions(5).map(|it| it.text()).collect();
    assert_eq!(lines, ["first & line", "second"]);
    assert!(message.segment("ZDS").is_none());
}

#[test]
fn segments_end_in_any_way() {
    for end in ["\r", "\n", "\r\n"] {
        assert_eq!(read(&ORU.replace('\r', end)), read(ORU), "{end:?}");
    }
    assert_eq!(read(ORU.trim_end()), read(ORU));
    assert_eq!(read(&format!("\r\n {ORU}\r\n\r\n")), read(ORU));
    assert_eq!(read(&ORU.replace('\r', "\r\r")), read(ORU));
}

#[test]
fn a_line_that_is_no_segment_belongs_to_the_text_before_it() {
    let text = "MSH|^~\\&|A\rOBX|1|TX|||one\n\ntwo\r\nCT|no\nPV1\r|||||F\rOBX|2|TX|||three\r";
    let message = read(text);
    let obx = message.segment("OBX").unwrap();
    assert_eq!(obx.value(5, 1), "one\n\ntwo\nCT");
    assert_eq!(message.segments().count(), 2);
}

#[test]
fn separators_are_what_the_message_says() {
    let message = read("MSH#*+!@#RIS*1#\rPID###A*B*C+D##\rOBX#1#TX###a!F!b!S!c|^");
    assert_eq!(message.header().sending_application, "RIS^1");
    assert_eq!(message.segment("PID").unwrap().value(3, 2), "B");
    assert_eq!(message.segment("OBX").unwrap().value(5, 1), "a#b*c|^");
    // With the truncation character of version 2.7, and a short MSH-2.
    for start in ["MSH|^~\\&#|", "MSH|^~\\|", "MSH|^|"] {
        let message = read(&format!("{start}RIS||||||ORU^R01|M-1\rPID|||A^B"));
        assert_eq!(message.header().sending_application, "RIS", "{start}");
        assert_eq!(message.header().trigger_event, "R01");
        assert_eq!(message.segment("PID").unwrap().value(3, 2), "B");
    }
}

#[test]
fn text_is_in_the_set_that_the_header_names() {
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let start = format!("MSH|^~\\&|A||||||ORU^R01|1|P|2.5.1||||||{name}\rPID|1||||");
        let message = Message::read(&[start.as_bytes(), bytes, b"^x\r"].concat()).unwrap();
        let pid = message.segment("PID").unwrap();
        assert_eq!((pid.value(5, 1).as_str(), pid.value(5, 2).as_str()), (expected, "x"), "{name}");
    };
    check("", "Müller".as_bytes(), "Müller");
    check("", b"M\xFCller", "Müller");
    check("8859/1", b"M\xFCller", "Müller");
    check("UNICODE UTF-8", "王".as_bytes(), "王");
    check("8859/5", b"\xBB\xEE\xDA", "Люк");
    // The second bytes of these are a backslash, a caret and a bar.
    check("BIG-5", b"\xA5\x5C\xA6\x5E\xA4\x7C", "功回弋");
    check("~ISO IR87", b"\x1B$B;3ED\x1B(B", "山田");
}

#[test]
fn what_is_no_message_is_said_to_be_none() {
    let check = |bytes: &[u8], expected: ReadError| {
        assert_eq!(
            Message::read(bytes).unwrap_err(),
            expected,
            "{}",
            String::from_utf8_lossy(bytes)
        );
    };
    check(b"", ReadError::NoHeader);
    check(b"hello", ReadError::NoHeader);
    check(b"MSH", ReadError::NoHeader);
    check(b"FHS|^~\\&|MSH|", ReadError::NoHeader);
    check(b"MSH|^^\\&|", ReadError::Separators);
    check(b"MSHabcdeabc", ReadError::Separators);
    check("MSHé^~\\&é".as_bytes(), ReadError::Separators);
    check(&vec![b'M'; limits::HL7_MESSAGE_BYTES_MAX + 1], ReadError::TooLong);
    let id = "1".repeat(limits::HL7_CONTROL_ID_BYTES_MAX + 1);
    check(format!("MSH|^~\\&||||||||{id}").as_bytes(), ReadError::ControlId);
    let many = "OBX|\r".repeat(limits::HL7_SEGMENTS_MAX + 1);
    check(format!("MSH|^~\\&|\r{many}").as_bytes(), ReadError::TooManySegments);
    let many = "~".repeat(limits::HL7_SEPARATORS_MAX + 1);
    check(format!("MSH|^~\\&|\rOBX|{many}").as_bytes(), ReadError::TooManySeparators);
}

#[test]
fn nothing_of_a_message_prints() {
    let printed = format!("{:?} {:?}", read(ORU), read(ORU).segment("PID").unwrap());
    for secret in ["A1", "Doe", "first", "M-1"] {
        assert!(!printed.contains(secret), "{secret}: {printed}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        let _ = Message::read(&bytes);
    }

    #[test]
    fn no_byte_of_a_segment_is_lost(
        start in prop::sample::select(vec!["MSH|^~\\&|", "MSH|^~\\&#|", "MSH#*+!@#", "MSH|", "MSH"]),
        rest in "[A-Z0-9|^~&\\\\#*+!@\r\n é王.]{0,200}",
    ) {
        if let Ok(message) = Message::read(format!("{start}{rest}").as_bytes()) {
            let lines = message.segments.expose();
            prop_assert_eq!(message.segments().count(), lines.len());
            for (segment, line) in message.segments().zip(lines) {
                prop_assert_eq!(segment.parsed.expose().raw_value(), line);
                for field in 0..20 {
                    for repetition in segment.repetitions(field) {
                        let _ = (repetition.text(), repetition.component(field));
                    }
                }
            }
        }
    }
}

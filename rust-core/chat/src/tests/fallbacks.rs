use super::of_romeo;
use crate::{Extent, ProblemReason};

/// A reply whose body has this fallback.
fn reply(body: &str, part: &str) -> crate::ChatMessage {
    of_romeo(&format!(
        "<body>{body}</body><reply xmlns='urn:xmpp:reply:0' id='m'/>
         <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>{part}</fallback>"
    ))
}

#[test]
fn positions_are_code_points() {
    // Clients have counted UTF-16 units, bytes, and the characters of an escaped '>'.
    for (body, end, expected) in [
        (
            "&gt; Anna wrote:\n&gt; Hi, how are you?\nGreat",
            "33",
            "Great",
        ),
        (
            "&gt; \u{1f600}\u{1f44d}\n\u{1f44d} yes",
            "5",
            "\u{1f44d} yes",
        ),
        ("&gt; \u{e4}\u{f6}\u{fc}\nja", "6", "ja"),
        ("&gt; kuku\nbraaa", "7", "braaa"),
    ] {
        let message = reply(body, &format!("<body start='0' end='{end}'/>"));
        assert_eq!(message.text(&[]).as_deref(), Some(expected), "{body}");
        assert_eq!(message.problems, [], "{body}");
    }
}

#[test]
fn a_range_beyond_the_text_hides_nothing() {
    for part in [
        "<body start='0' end='6'/>",
        "<body start='6' end='7'/>",
        "<body start='0' end='4294967295'/>",
        "<body start='0' end='2'/><body start='0' end='99'/>",
    ] {
        let message = reply("12345", part);
        assert_eq!(message.text(&[]).as_deref(), Some("12345"), "{part}");
        assert_eq!(
            message.problems[0].reason,
            ProblemReason::OutOfRange,
            "{part}"
        );
    }
    for part in [
        "<body start='0'/>",
        "<body end='2'/>",
        "<body start='-1' end='2'/>",
        "<body start='+1' end='2'/>",
        "<body start='' end='2'/>",
        "<body start='a' end='2'/>",
        "<body start='3' end='2'/>",
        "<body start='0' end='4294967296'/>",
    ] {
        let message = reply("12345", part);
        assert_eq!(message.text(&[]).as_deref(), Some("12345"), "{part}");
        assert!(message.fallbacks.is_empty(), "{part}");
        assert!(
            matches!(message.problems[0].reason, ProblemReason::Malformed(_)),
            "{part}"
        );
    }
}

#[test]
fn several_ranges_are_left_out_once() {
    for (part, expected) in [
        (
            "<body start='0' end='2'/><body start='1' end='3'/>",
            Some("45"),
        ),
        (
            "<body start='1' end='2'/><body start='3' end='4'/>",
            Some("135"),
        ),
        ("<body start='2' end='2'/>", Some("12345")),
        ("<body start='0' end='5'/>", None),
        ("<body/>", None),
        ("", None),
        ("<subject/>", Some("12345")),
    ] {
        assert_eq!(
            reply("12345", part).text(&[]).as_deref(),
            expected,
            "{part}"
        );
    }
}

#[test]
fn t7_no_text_is_hidden_by_naming_an_extension() {
    let hidden = |of: &str, payload: &str| {
        let message = of_romeo(&format!(
            "<body>pay me</body>{payload}<fallback xmlns='urn:xmpp:fallback:0' {of}/>"
        ));
        message.text(&[]).is_none()
    };
    let for_replies = "for='urn:xmpp:reply:0'";
    assert!(hidden(
        for_replies,
        "<reply xmlns='urn:xmpp:reply:0' id='m'/>"
    ));
    assert!(!hidden(for_replies, ""));
    assert!(!hidden(for_replies, "<reply xmlns='urn:xmpp:reply:0'/>"));
    assert!(!hidden(
        "for='urn:example:unknown'",
        "<x xmlns='urn:example:unknown'/>"
    ));
    assert!(!hidden("", "<reply xmlns='urn:xmpp:reply:0' id='m'/>"));
    let for_reactions = "for='urn:xmpp:reactions:0'";
    assert!(hidden(
        for_reactions,
        "<reactions xmlns='urn:xmpp:reactions:0' id='m'><reaction>\u{1f44d}</reaction></reactions>"
    ));
    let for_retraction = "for='urn:xmpp:message-retract:1'";
    assert!(hidden(
        for_retraction,
        "<retract xmlns='urn:xmpp:message-retract:1' id='m'/>"
    ));
    assert!(hidden(
        "for='jabber:x:oob'",
        "<x xmlns='jabber:x:oob'><url>u</url></x>"
    ));
}

#[test]
fn a_part_may_end_within_what_a_person_sees_as_one_character() {
    let flag = "\u{1f1e9}\u{1f1ea}!";
    let range = |end| Extent::Ranges(std::iter::once(0..end).collect());
    assert_eq!(range(1).removed_from(flag).as_deref(), Some("\u{1f1ea}!"));
    assert_eq!(range(3).removed_from(flag).as_deref(), Some(""));
    assert_eq!(range(4).removed_from(flag), None);
}

use super::{of_romeo, stanza};
use crate::{ChatMessage, Problem, ProblemReason, Text, Texts};

fn read(children: &str) -> (Texts, Vec<ProblemReason>) {
    let message = of_romeo(children);
    let reasons = message.problems.iter().map(|problem| problem.reason);
    (message.bodies, reasons.collect())
}

fn text(lang: Option<&str>, text: &str) -> Text {
    Text {
        lang: lang.map(str::to_owned),
        text: text.to_owned(),
    }
}

#[test]
fn a_text_in_several_languages_has_a_default() {
    // The default text may come after a translation: a client once showed the first one.
    let (texts, problems) = read("<body xml:lang='fr'>Bonjour</body><body>Hello</body>");
    assert_eq!(
        texts.all(),
        [text(None, "Hello"), text(Some("fr"), "Bonjour")]
    );
    assert_eq!(problems, []);
    assert_eq!(texts.default_text(), Some("Hello"));
    for (preferred, expected) in [
        (&["fr"][..], "Bonjour"),
        (&["de", "FR"], "Bonjour"),
        (&["fr-CA"], "Hello"),
        (&["de"], "Hello"),
        (&["f"], "Hello"),
        (&[""], "Hello"),
        (&[], "Hello"),
    ] {
        assert_eq!(
            texts.in_languages(preferred),
            Some(expected),
            "{preferred:?}"
        );
    }
    let (texts, _) = read("<body xml:lang='de-AT'>Servus</body><body xml:lang='en'>Hi</body>");
    assert_eq!(texts.in_languages(&["de"]), Some("Servus"));
    assert_eq!(texts.default_text(), Some("Servus"));
}

#[test]
fn a_text_has_the_language_of_its_stanza() {
    let message = ChatMessage::read(&stanza(
        "<message xml:lang='en'><body xml:lang='de'>Hallo</body><body>Hello</body><body xml:lang=''>?</body></message>",
    ));
    let all = [
        text(Some("en"), "Hello"),
        text(Some("de"), "Hallo"),
        text(None, "?"),
    ];
    assert_eq!(message.bodies.all(), all);
    // A server's own attribute without a prefix is no language, and hides no text.
    let (texts, problems) = read("<body lang='en'>Message via REST API</body>");
    assert_eq!(texts.all(), [text(None, "Message via REST API")]);
    assert_eq!(problems, []);
}

#[test]
fn of_two_texts_in_one_language_the_first_with_a_content_counts() {
    for (children, expected, is_reported) in [
        ("<body>a</body><body>b</body>", "a", true),
        ("<body>a</body><body>a</body>", "a", false),
        // A library has sent this.
        ("<body/><body>BODY</body>", "BODY", true),
        ("<body/>", "", false),
        (
            "<body xml:lang='en'>a</body><body xml:lang='en'>b</body>",
            "a",
            true,
        ),
        (
            "<body>a</body><x xmlns='urn:x'><body xmlns='jabber:client'>b</body></x>",
            "a",
            false,
        ),
        ("<body>a</body><body xmlns='urn:x'>b</body>", "a", false),
    ] {
        let (texts, problems) = read(children);
        assert_eq!(texts.all().len(), 1, "{children}");
        assert_eq!(texts.default_text(), Some(expected), "{children}");
        assert_eq!(
            problems.contains(&ProblemReason::Repeated),
            is_reported,
            "{children}"
        );
    }
}

#[test]
fn i20_the_number_of_languages_is_bounded() {
    let bodies: String = (0..5_000)
        .map(|number| format!("<body xml:lang='x-{number}'>{number}</body>"))
        .collect();
    let (texts, problems) = read(&bodies);
    assert_eq!(texts.all().len(), 32);
    assert_eq!(problems, [ProblemReason::TooMany(32)]);
    let long = format!(
        "<body xml:lang='{}'>a</body><body>b</body>",
        "x".repeat(2_000)
    );
    let (texts, problems) = read(&long);
    assert_eq!(texts.default_text(), Some("b"));
    assert!(matches!(problems.as_slice(), [ProblemReason::Malformed(_)]));
}

#[test]
fn a_thread_names_a_conversation() {
    let thread = |children: &str| of_romeo(children).thread.map(|one| (one.id, one.parent));
    assert_eq!(
        thread("<thread parent='p'>t</thread>"),
        Some(("t".to_owned(), Some("p".to_owned())))
    );
    assert_eq!(thread("<thread/>"), None);
    assert_eq!(thread("<thread>a</thread><thread>b</thread>"), None);
    assert_eq!(
        thread(&format!("<thread>{}</thread>", "t".repeat(1_025))),
        None
    );
}

#[test]
fn t9_what_a_message_says_is_not_printed() {
    let message = of_romeo(
        "<body>s3cret</body><x xmlns='jabber:x:oob'><url>aesgcm://h/#s3cret</url></x><replace/>",
    );
    let printed = format!("{message:?} {:?} {:?}", message.bodies, message.files);
    assert!(!printed.contains("s3cret"), "{printed}");
    let shown: Vec<String> = message.problems.iter().map(Problem::to_string).collect();
    assert!(shown.is_empty(), "{shown:?}");
    let message = of_romeo("<replace xmlns='urn:xmpp:message-correct:0'/>");
    let shown: Vec<String> = message.problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        shown,
        ["<replace xmlns='urn:xmpp:message-correct:0'/>: <replace/> lacks id"]
    );
}

//! Test vectors of RFC 7622 section 3.5 and RFC 3492 section 7.1, and what else a peer may send.

use super::{BareJid, FullJid, Jid, JidError, JidPart};

fn parse(text: &str) -> Result<String, JidError> {
    text.parse::<Jid>().map(|jid| jid.to_string())
}

#[test]
fn accepts_and_enforces() {
    for (text, enforced) in [
        ("juliet@example.com", "juliet@example.com"),
        ("juliet@example.com/foo", "juliet@example.com/foo"),
        ("juliet@example.com/foo bar", "juliet@example.com/foo bar"),
        ("juliet@example.com/foo@bar", "juliet@example.com/foo@bar"),
        ("juliet@example.com/a/b", "juliet@example.com/a/b"),
        ("foo\\20bar@example.com", "foo\\20bar@example.com"),
        ("fussball@example.com", "fussball@example.com"),
        ("fu\u{df}ball@example.com", "fu\u{df}ball@example.com"),
        ("\u{3c0}@example.com", "\u{3c0}@example.com"),
        ("\u{3a3}@example.com/foo", "\u{3c3}@example.com/foo"),
        ("\u{3c3}@example.com/foo", "\u{3c3}@example.com/foo"),
        ("\u{3c2}@example.com/foo", "\u{3c2}@example.com/foo"),
        ("king@example.com/\u{265a}", "king@example.com/\u{265a}"),
        (
            "room@example.com/e\u{301}\u{1fae0}\u{1fae0}\u{a0}",
            "room@example.com/\u{e9}\u{1fae0}\u{1fae0} ",
        ),
        ("room@example.com/\u{1f600}", "room@example.com/\u{1f600}"),
        ("example.com", "example.com"),
        ("example.com/foobar", "example.com/foobar"),
        ("a.example.com/b@example.net", "a.example.com/b@example.net"),
        ("JULIET@Example.COM/Foo", "juliet@example.com/Foo"),
        ("juliet@example.com.", "juliet@example.com"),
        ("e\u{301}@example.com/e\u{301}", "\u{e9}@example.com/\u{e9}"),
        ("\u{ff41}@example.com", "a@example.com"),
        ("a@example.com/x\u{a0}y", "a@example.com/x y"),
        ("a@B\u{dc}CHER.example", "a@b\u{fc}cher.example"),
        ("a@xn--bcher-kva.example", "a@b\u{fc}cher.example"),
        ("a@XN--BCHER-KVA.example", "a@b\u{fc}cher.example"),
        ("a@127.0.0.1", "a@127.0.0.1"),
        ("a@[::1]/r", "a@[::1]/r"),
        ("a@[2001:DB8:0::1]", "a@[2001:db8::1]"),
        ("a@prosody_1", "a@prosody_1"),
        ("a@r3---sn.example", "a@r3---sn.example"),
    ] {
        assert_eq!(parse(text), Ok(enforced.to_owned()), "{text}");
        assert_eq!(parse(enforced), Ok(enforced.to_owned()), "stable: {text}");
    }
}

#[test]
fn refuses() {
    use JidPart::{Domain, Localpart, Resource};
    for (text, error) in [
        ("", JidError::Empty(Domain)),
        (".", JidError::Empty(Domain)),
        ("@example.com", JidError::Empty(Localpart)),
        ("juliet@", JidError::Empty(Domain)),
        ("juliet@/foo", JidError::Empty(Domain)),
        ("/foobar", JidError::Empty(Domain)),
        ("juliet@example.com/", JidError::Empty(Resource)),
        ("\"juliet\"@example.com", JidError::Disallowed(Localpart)),
        ("foo bar@example.com", JidError::Disallowed(Localpart)),
        ("a&b@example.com", JidError::Disallowed(Localpart)),
        ("a'b@example.com", JidError::Disallowed(Localpart)),
        ("a:b@example.com", JidError::Disallowed(Localpart)),
        ("a<b@example.com", JidError::Disallowed(Localpart)),
        ("a>b@example.com", JidError::Disallowed(Localpart)),
        ("henry\u{2163}@example.com", JidError::Disallowed(Localpart)),
        ("\u{265a}@example.com", JidError::Disallowed(Localpart)),
        ("a\u{7}@example.com", JidError::Disallowed(Localpart)),
        ("a@example.com/\u{7}", JidError::Disallowed(Resource)),
        (
            "a@example.com/\u{1fae0}\u{7}",
            JidError::Disallowed(Resource),
        ),
        ("a@example.com/\u{fdd0}", JidError::Disallowed(Resource)),
        ("a@b@example.com", JidError::DomainLabel),
        ("a@example..com", JidError::DomainLabel),
        ("a@.example.com", JidError::DomainLabel),
        ("a@example.com..", JidError::DomainLabel),
        ("a@-example.com", JidError::DomainLabel),
        ("a@example-.com", JidError::DomainLabel),
        ("a@exa mple.com", JidError::DomainLabel),
        ("a@exa:5222", JidError::DomainLabel),
        ("a@\u{301}a.example", JidError::DomainLabel),
        ("a@\u{265a}.example", JidError::Disallowed(Domain)),
        ("a@xn--a.example", JidError::Disallowed(Domain)),
        ("a@xn--.example", JidError::DomainLabel),
        ("a@xn--example-.com", JidError::DomainLabel),
        ("a@xn--99999999.com", JidError::DomainLabel),
        ("a@\u{ff58}n--bcher-kva.example", JidError::DomainLabel),
        ("a@[::1", JidError::IpLiteral),
        ("a@[127.0.0.1]", JidError::IpLiteral),
        ("a@[fe80::1%eth0]", JidError::IpLiteral),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}

#[test]
fn parts_have_at_most_1023_bytes() {
    let long = |n: usize| "x".repeat(n);
    let domain = |n: usize| {
        let labels = "abcdefg.".repeat(200);
        labels.chars().take(n).collect::<String>()
    };
    assert!(parse(&format!("{}@{}/{}", long(1023), domain(1023), long(1023))).is_ok());
    let too_long = [
        (format!("{}@b", long(1024)), JidPart::Localpart),
        (format!("a@{}", domain(1025)), JidPart::Domain),
        (format!("a@b/{}", long(1024)), JidPart::Resource),
    ];
    for (text, part) in too_long {
        assert_eq!(parse(&text), Err(JidError::TooLong(part)));
    }
    assert!(parse(&long(63)).is_ok());
    assert_eq!(parse(&long(64)), Err(JidError::DomainLabel));
    assert_eq!(parse(&"\u{fc}".repeat(64)), Err(JidError::DomainLabel));
}

#[test]
fn domains_go_to_dns_as_a_labels() {
    for (unicode, ascii) in [
        ("example.com", "example.com"),
        ("b\u{fc}cher.example", "xn--bcher-kva.example"),
        ("fa\u{df}.de", "xn--fa-hia.de"),
        (
            "\u{4ed6}\u{4eec}\u{4e3a}\u{4ec0}\u{4e48}\u{4e0d}\u{8bf4}\u{4e2d}\u{6587}",
            "xn--ihqwcrb4cv8a8dqg056pqjye",
        ),
        (
            "\u{645}\u{62b}\u{627}\u{644}.example",
            "xn--mgbh0fb.example",
        ),
        ("[::1]", "[::1]"),
    ] {
        let jid: BareJid = unicode.parse().unwrap();
        assert_eq!(jid.domain_to_ascii(), ascii);
        if !ascii.starts_with('[') {
            assert_eq!(ascii.parse::<BareJid>().unwrap(), jid);
        }
    }
}

#[test]
fn tells_its_parts() {
    let jid = Jid::try_from("a@b/c").unwrap();
    assert_eq!(
        (jid.node(), jid.domain(), jid.resource()),
        (Some("a"), "b", Some("c"))
    );
    assert_eq!(jid.bare().to_string(), "a@b");
    let full = FullJid::try_from("a@b/c").unwrap();
    assert_eq!(Jid::from(full.clone()), jid);
    assert_eq!(
        (full.node(), full.domain(), full.resource()),
        (Some("a"), "b", "c")
    );
    assert_eq!(full.bare().with_resource("c"), Ok(full.clone()));
    assert_eq!(BareJid::try_from("a@b").as_ref(), Ok(full.bare()));
    assert_eq!(
        BareJid::try_from("a@b/c"),
        Err(JidError::UnexpectedResource)
    );
    assert_eq!(FullJid::try_from("a@b"), Err(JidError::MissingResource));
    assert!(BareJid::try_from("a@b").unwrap() < BareJid::try_from("b@b").unwrap());
}

#[test]
fn of_ascii_the_profiles_say_what_is_known_without_them() {
    use super::{OpaqueString, UsernameCaseMapped, enforce, enforce_resource};
    let printable = || (b' '..=b'~').map(char::from);
    for text in printable().flat_map(|a| printable().map(move |b| format!("{a}{b}"))) {
        let resource = enforce::<OpaqueString>(&text, JidPart::Resource);
        assert_eq!(enforce_resource(&text), resource);
        let node = enforce::<UsernameCaseMapped>(&text, JidPart::Localpart);
        if text.contains(' ') {
            assert_eq!(node, Err(JidError::Disallowed(JidPart::Localpart)));
        } else {
            assert_eq!(node.as_deref(), Ok(&*text.to_ascii_lowercase()));
        }
    }
}

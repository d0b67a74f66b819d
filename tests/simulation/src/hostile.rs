//! Stanzas of a contact that must not break any client (rules T6, W2, W9): faults that servers relay, and requests
//! whose answer would exceed the limits of a server.

/// The `id` of those that are refused: counted, and never given to the app (rule T6).
pub(crate) const UNREADABLE: &str = "hostile";
/// The number of stanzas.
pub const STANZAS: usize = 9;
/// The number of short ones, which come first.
pub const SHORT_STANZAS: usize = 7;

/// Returns its name, its `id`, and its content.
pub(crate) fn stanza(index: usize) -> Option<(&'static str, String, String)> {
    let id = || UNREADABLE.to_owned();
    let fault = |inside: &str| Some(("message", id(), inside.to_owned()));
    match index {
        0 => fault("<y xmlns='v' p:a=''/>"),
        1 => fault("<a xmlns='http://www.w3.org/XML/1998/namespace'/>"),
        2 => fault("<x xmlns='v'>&#x1A;</x>"),
        3 => fault("<x xmlns='v' a='' a=''/>"),
        4 => fault("<x xmlns='v'>&nbsp;</x>"),
        5 => Some(("message", id(), "<a>".repeat(70) + &"</a>".repeat(70))),
        6 => Some((
            "iq",
            id(),
            "<ping xmlns='urn:xmpp:ping' p:a=''/>".to_owned(),
        )),
        7 => Some((
            "message",
            id(),
            format!("<x xmlns='v'>{}</x>", "x".repeat(300_000)),
        )),
        8 => Some((
            "iq",
            "'".repeat(43_665),
            "<ping xmlns='urn:xmpp:ping'/>".to_owned(),
        )),
        _ => None,
    }
}

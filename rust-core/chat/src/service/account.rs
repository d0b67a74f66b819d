//! XEP-0077: changes of an account within its session.

use snapback_types::jid::BareJid;
use snapback_wire::ns;
use snapback_wire::xml::Element;

/// Returns the payload of an iq of type `set`, addressed to the account's server, that changes the password (section 3.3). `None` if
/// the account has no localpart.
pub fn change_password(account: &BareJid, password: &str) -> Option<Element> {
    let username = Element::new("username", ns::REGISTER).with_text(account.node()?);
    let password = Element::new("password", ns::REGISTER).with_text(password);
    Some(
        Element::new("query", ns::REGISTER)
            .with_child(username)
            .with_child(password),
    )
}

/// Returns the payload of an iq of type `set`, without an address, that deletes the account (section 3.2).
pub fn delete_account() -> Element {
    Element::new("query", ns::REGISTER).with_child(Element::new("remove", ns::REGISTER))
}

//! The size and structure of an outbound stanza, compared with the limits of its receivers.

use super::limits::WRAPPER_DEPTH;
use super::{Attribute, Element, Limit, Limits};
use crate::ns;

/// Nodes that servers and wrappers add to a message: addresses, `xml:lang`, `<stanza-id/>` and `<delay/>` more than once, what
/// rooms add about the sender, and the elements of a carbon (XEP-0280) or an archive result (XEP-0313). About 60 were counted;
/// 256 leaves room for later extensions.
const ADDED_NODES: usize = 256;

/// Attributes that a server adds to a stanza: `from`, `xml:lang`, and room for more.
const ADDED_ATTRIBUTES: usize = 8;

impl Element {
    /// Returns the limit that this stanza might exceed at its receivers; `None` if they can read it. Its maximum size on the
    /// way is measured: each element declares its namespace again, as some servers write it, a carbon or an archive result is
    /// wrapped around it, and the server adds attributes and elements. Receivers have the default limits, or these if they are
    /// lower: another device of the account is one.
    ///
    /// It walks without recursion, so it is safe on an element of any depth.
    pub fn excess(&self, limits: &Limits) -> Option<Limit> {
        let theirs = Limits::default();
        let depth = limits.depth.min(theirs.depth).saturating_sub(WRAPPER_DEPTH);
        let max_nodes = limits.nodes.min(theirs.nodes).saturating_sub(ADDED_NODES);
        let attributes = limits
            .attributes
            .min(theirs.attributes)
            .saturating_sub(ADDED_ATTRIBUTES);
        let namespaces = limits.namespaces.min(theirs.namespaces);
        let mut nodes = 0_usize;
        let mut open = vec![(self, 1_usize)];
        while let Some((element, level)) = open.pop() {
            let foreign = element
                .attributes()
                .iter()
                .filter(|a| is_foreign(a))
                .count();
            // The element, its declaration, its attributes and theirs.
            nodes += 2 + element.attributes().len() + foreign;
            if level > depth {
                return Some(Limit::Depth);
            }
            if nodes > max_nodes {
                return Some(Limit::Nodes);
            }
            if element.attributes().len() > attributes {
                return Some(Limit::Attributes);
            }
            if foreign + 1 > namespaces {
                return Some(Limit::Namespaces);
            }
            open.extend(element.children().map(|child| (child, level + 1)));
        }
        None
    }
}

/// Returns whether it needs a prefix that is declared for it.
fn is_foreign(attribute: &Attribute) -> bool {
    !attribute.ns.is_empty() && attribute.ns != ns::XML
}

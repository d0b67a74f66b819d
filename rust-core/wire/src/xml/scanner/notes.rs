//! What the scanner records about the current item: where its parts end, and why it is refused.

use super::Scanner;
use crate::xml::{Limit, Refusal};

/// What the scanner recorded about the current item.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::xml) struct Item {
    /// Where the start tag of the top-level element ends.
    pub(in crate::xml) head_end: Option<usize>,
    /// Where the start tag of its first child ends.
    pub(in crate::xml) child_end: Option<usize>,
    /// Where its depth exceeded the limit of elements that wrap no other.
    pub(in crate::xml) too_deep: Option<usize>,
    /// Elements, attributes and namespace declarations so far.
    nodes: usize,
    /// Where their number exceeded the limit of elements that were not requested.
    pub(in crate::xml) too_many: Option<usize>,
    /// Where the last complete attribute of that start tag (or else its name) ends, within the limit on a stanza's size.
    pub(in crate::xml) attribute_end: usize,
    /// The first reason of the refusal, and its position. Size and namespaces' names are checked elsewhere.
    pub(in crate::xml) refusal: Option<(Refusal, usize)>,
}

impl Scanner {
    pub(super) fn note_head(&mut self, pos: usize) {
        if self.depth == 1 && self.item.head_end.is_none() && pos <= self.limits.stanza {
            self.item.attribute_end = pos;
        }
    }

    pub(super) fn note_depth(&mut self, depth: usize, pos: usize) {
        if depth > self.limits.depth {
            self.item.too_deep.get_or_insert(pos);
        }
        if depth > self.limits.greatest_depth() {
            self.note_over(Limit::Depth, pos);
        }
    }

    /// Counts one more element or attribute.
    pub(super) fn note_node(&mut self, pos: usize) {
        self.item.nodes += 1;
        if self.item.nodes > self.limits.nodes {
            self.item.too_many.get_or_insert(pos);
        }
        if self.item.nodes > self.limits.greatest_nodes() {
            self.note_over(Limit::Nodes, pos);
        }
    }

    pub(super) fn note_child(&mut self, pos: usize) {
        self.item.child_end.get_or_insert(pos);
    }

    pub(super) fn note_over(&mut self, limit: Limit, pos: usize) {
        self.note(Refusal::OverLimit(limit), pos);
    }

    pub(super) fn note(&mut self, refusal: Refusal, pos: usize) {
        self.item.refusal.get_or_insert((refusal, pos));
    }
}

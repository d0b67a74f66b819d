//! Counts what arrived against what was sent.

/// How an account of messages ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Balance {
    /// Sent, and never there.
    pub(super) lost: usize,
    /// There, and there before. What nobody sent counts as well: it should not be there.
    pub(super) again: usize,
}

/// By id.
pub(super) fn compare(sent: &[impl AsRef<str>], arrived: &[String]) -> Balance {
    let times = |id: &str| arrived.iter().filter(|other| *other == id).count();
    let lost = sent.iter().filter(|id| times(id.as_ref()) == 0).count();
    Balance {
        lost,
        again: arrived.len() + lost - sent.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_there_twice_is_counted() {
        let arrived = ["a", "b", "b", "x"].map(str::to_owned);
        let balance = compare(&["a", "b", "c"], &arrived);
        assert_eq!(balance, Balance { lost: 1, again: 2 });
        assert_eq!(compare(&["a"], &arrived[..1]), Balance::default());
    }
}

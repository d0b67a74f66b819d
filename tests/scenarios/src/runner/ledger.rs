//! Compares what arrived with what was sent.

/// The result of the comparison.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Balance {
    /// Sent, and not arrived.
    pub(super) lost: usize,
    /// Arrived more often than sent. An id that was never sent counts, too.
    pub(super) again: usize,
}

/// Compares by id.
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

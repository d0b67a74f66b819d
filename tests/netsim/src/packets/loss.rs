//! Which packets are lost: at random, or in bursts after Gilbert and Elliott.

use serde::{Deserialize, Serialize};

use snapback_random::Rng;

/// A two-state chain (Gilbert 1960, Elliott 1963), stepped once a packet. Losses at random are the chain that never leaves
/// its good state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Loss {
    /// Probability that a packet is lost in the good state.
    pub good: f64,
    /// Probability that a packet is lost in the bad state.
    pub bad: f64,
    /// Probability, at each packet, that the good state ends.
    pub good_to_bad: f64,
    /// Probability, at each packet, that the bad state ends; its inverse is the mean length of a burst.
    pub bad_to_good: f64,
}

impl Loss {
    /// Every packet with the same probability.
    #[must_use]
    pub fn random(probability: f64) -> Self {
        Self {
            good: probability,
            ..Self::default()
        }
    }

    /// The share of packets that is lost in the long run.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let turnover = self.good_to_bad + self.bad_to_good;
        if turnover <= 0.0 {
            return self.good;
        }
        let in_bad = self.good_to_bad / turnover;
        self.good * (1.0 - in_bad) + self.bad * in_bad
    }
}

/// Where in the chain a direction is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Chain {
    #[default]
    Good,
    Bad,
}

impl Chain {
    /// One packet further: is it lost?
    pub(super) fn loses(&mut self, loss: &Loss, rng: &mut Rng) -> bool {
        let (ends, next) = match self {
            Self::Good => (loss.good_to_bad, Self::Bad),
            Self::Bad => (loss.bad_to_good, Self::Good),
        };
        if rng.chance(ends) {
            *self = next;
        }
        rng.chance(match self {
            Self::Good => loss.good,
            Self::Bad => loss.bad,
        })
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn bursts_are_as_long_and_as_frequent_as_asked() {
        let loss = Loss {
            good: 0.0,
            bad: 1.0,
            good_to_bad: 0.01,
            bad_to_good: 0.2,
        };
        let (mut chain, mut rng) = (Chain::default(), Rng::new(7));
        let lost: Vec<bool> = (0..200_000).map(|_| chain.loses(&loss, &mut rng)).collect();
        let total = lost.iter().filter(|lost| **lost).count() as f64;
        let bursts = lost
            .windows(2)
            .filter(|pair| *pair == [false, true])
            .count() as f64;
        let share = total / lost.len() as f64;
        assert!((share - loss.mean()).abs() < 0.005, "{share}");
        assert!((total / bursts - 5.0).abs() < 0.3, "{}", total / bursts);
    }

    #[test]
    fn random_loss_has_no_bursts_worth_the_name() {
        let loss = Loss::random(0.05);
        assert!((loss.mean() - 0.05).abs() < f64::EPSILON);
        let (mut chain, mut rng) = (Chain::default(), Rng::new(8));
        let lost = (0..100_000)
            .filter(|_| chain.loses(&loss, &mut rng))
            .count();
        assert!((4_700..5_300).contains(&lost), "{lost}");
        assert_eq!(chain, Chain::Good);
    }
}

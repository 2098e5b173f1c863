//! Dice that fall alike on every machine: each throw has a stream of its own under the seed.
//!
//! Invariant: what one stream is asked never moves another. An account's days are the same whoever else there is.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Beta, Distribution, Gamma, LogNormal, Poisson, StandardNormal};

/// What dice are thrown for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For {
    /// What holds of the whole company: who has which size, who leaves.
    Company,
    /// Who an account is.
    Portrait,
    /// What will happen to it.
    Life,
    /// Its days.
    Days,
    /// Who works there.
    People,
}

#[derive(Clone, Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64, purpose: For, whose: u32) -> Self {
        let mut stream = ChaCha8Rng::seed_from_u64(seed);
        stream.set_stream((purpose as u64) << 32 | u64::from(whose));
        Self(stream)
    }

    /// At least 0, below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        // 53 bits are what a double holds: exact on every machine.
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Both ends included.
    pub(crate) fn whole(&mut self, low: i32, high: i32) -> i32 {
        debug_assert!(low <= high, "{low} to {high}");
        low + (self.unit() * f64::from(high - low + 1)) as i32
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[(self.unit() * these.len() as f64) as usize]
    }

    /// The place of one of the weights.
    pub(crate) fn weighed(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (at, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return at;
            }
        }
        weights.len() - 1
    }

    pub(crate) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let factor = LogNormal::new(0.0, sigma).map_or(1.0, |it| it.sample(&mut self.0));
        median * factor
    }

    /// Its mean is 1; the smaller the shape, the wilder.
    pub(crate) fn gamma(&mut self, shape: f64) -> f64 {
        Gamma::new(shape, 1.0 / shape).map_or(1.0, |it| it.sample(&mut self.0))
    }

    pub(crate) fn beta(&mut self, alpha: f64, beta: f64) -> f64 {
        Beta::new(alpha, beta).map_or(0.5, |it| it.sample(&mut self.0))
    }

    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        // A mean of zero is no distribution, and nothing happens.
        Poisson::new(mean).map_or(0, |it| it.sample(&mut self.0) as u32)
    }

    pub(crate) fn shuffle<T>(&mut self, these: &mut [T]) {
        for last in (1..these.len()).rev() {
            let other = (self.unit() * (last + 1) as f64) as usize;
            these.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dice, For};

    #[test]
    fn a_seed_falls_alike_for_ever() {
        let mut dice = Dice::new(7, For::Days, 3);
        let throws: Vec<i32> = (0..8).map(|_| dice.whole(1, 6)).collect();
        let others = [dice.gamma(2.0), dice.beta(4.0, 2.0), dice.normal(), dice.log_normal(3.0, 0.5)];
        let counts = [dice.poisson(3.0), dice.poisson(40.0)];
        assert_eq!(
            format!("{throws:?} {others:.6?} {counts:?}"),
            "[2, 4, 1, 2, 5, 5, 3, 4] [0.480150, 0.188502, -0.045767, 0.906289] [2, 42]"
        );
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_account() {
        let first = |seed, purpose, whose| Dice::new(seed, purpose, whose).unit().to_bits();
        let usual = first(1, For::Days, 1);
        assert_eq!(usual, first(1, For::Days, 1));
        for other in [first(2, For::Days, 1), first(1, For::Life, 1), first(1, For::Days, 2)] {
            assert_ne!(usual, other);
        }
    }

    #[test]
    fn a_shuffle_keeps_everybody() {
        let mut cards: Vec<u32> = (0..100).collect();
        Dice::new(1, For::Company, 0).shuffle(&mut cards);
        assert!(!cards.is_sorted());
        cards.sort_unstable();
        assert!(cards.into_iter().eq(0..100));
    }
}

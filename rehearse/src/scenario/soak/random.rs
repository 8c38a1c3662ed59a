//! A random number generator with a seed. The same seed gives the same soak on every machine.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, which must not be zero.
    pub fn below(&mut self, end: u32) -> u32 {
        // For such a small modulus the bias is negligible.
        (self.next() % u64::from(end.max(1))) as u32
    }

    /// Draws one element.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u32) as usize]
    }

    /// Draws one element, with a probability in proportion to its weight.
    pub fn weighted<T: Copy>(&mut self, all: &[(T, u32)]) -> T {
        let mut left = self.below(all.iter().map(|(_, weight)| weight).sum());
        for (one, weight) in all {
            match left.checked_sub(*weight) {
                None => return *one,
                Some(rest) => left = rest,
            }
        }
        all[0].0
    }

    /// Draws a delay below `longest`. Draws half of the delays from the first tenth of this time.
    pub fn delay(&mut self, longest: Duration) -> Duration {
        let part = if self.below(2) == 0 { 10 } else { 1 };
        let most = longest.as_millis() as u32 / part;
        Duration::from_millis(self.below(most).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_numbers_of_the_paper() {
        // The numbers are those of the reference implementation for the seed 1234567.
        let mut random = Random::of(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn weights_are_kept() {
        let mut random = Random::of(1);
        let mut drawn = [0; 3];
        for _ in 0..1000 {
            drawn[random.weighted(&[(0, 0), (1, 1), (2, 9)])] += 1;
        }
        assert_eq!(drawn[0], 0);
        assert!((50..200).contains(&drawn[1]), "{drawn:?}");
    }
}

//! Choices made by the bytes of an input.
//!
//! *Invariant:* whatever the bytes, a choice is made: an input that has run out goes on choosing the first of each. So
//! every input is a case, and a shorter one a simpler case.

use arbitrary::Unstructured;

/// Bytes that are spent on choices, from the front.
pub struct Choices<'a>(Unstructured<'a>);

impl<'a> Choices<'a> {
    /// Over these bytes.
    pub fn new(data: &'a [u8]) -> Choices<'a> {
        Choices(Unstructured::new(data))
    }

    /// A number below `count`, which is not zero.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.int_in_range(0..=count - 1).unwrap_or(0)
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// The place of one of these weights.
    pub fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut at = self.below(weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return place,
            }
        }
        0
    }

    /// True once in `count` times.
    pub fn rarely(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.0.int_in_range(0..=u8::MAX).unwrap_or(0)
    }

    /// A number of 64 bits.
    pub fn number(&mut self) -> u64 {
        self.0.int_in_range(0..=u64::MAX).unwrap_or(0)
    }

    /// At most this many of the bytes that are left.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let count = most.min(self.0.len());
        self.0.bytes(count).unwrap_or(&[])
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0.take_rest()
    }

    /// Whether nothing is left: what comes now is always the first choice.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_has_run_out_goes_on_with_the_first_choice() {
        let mut choices = Choices::new(&[]);
        assert_eq!((choices.below(7), choices.one(&[3, 4]), choices.weighted(&[2, 1])), (0, 3, 0));
        assert!(!choices.rarely(2) && choices.is_empty() && choices.bytes(4).is_empty());
    }

    #[test]
    fn each_place_is_met_as_often_as_its_weight() {
        let mut met = [0; 3];
        for byte in 0..=255 {
            met[Choices::new(&[byte]).weighted(&[2, 1, 1])] += 1;
        }
        assert_eq!(met, [128, 64, 64]);
    }
}

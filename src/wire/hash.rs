//! The hash by which both sides compare the content of a file.
//!
//! It is the standard library's SipHash with fixed keys, twice with different beginnings, 128 bits in all. The
//! standard library does not promise the same function in its next release; both programs come out of one
//! build with one compiler, and [`super::frame::BUILD`] keeps others from talking to each other. It tells
//! differences apart, it does not withstand somebody who makes files collide on purpose: who can write the
//! project's files needs no collision.

use std::hash::{DefaultHasher, Hasher};

/// A hash in the making.
pub struct ContentHash {
    first: DefaultHasher,
    second: DefaultHasher,
}

impl Default for ContentHash {
    fn default() -> Self {
        let mut second = DefaultHasher::new();
        second.write_u64(0x656e_7673_696d_0002);
        Self {
            first: DefaultHasher::new(),
            second,
        }
    }
}

impl ContentHash {
    /// Takes the next bytes; how they are cut makes no difference.
    pub fn update(&mut self, bytes: &[u8]) {
        self.first.write(bytes);
        self.second.write(bytes);
    }

    /// The hash of all bytes so far.
    pub fn finish(&self) -> [u8; 16] {
        let mut whole = [0; 16];
        whole[..8].copy_from_slice(&self.first.finish().to_le_bytes());
        whole[8..].copy_from_slice(&self.second.finish().to_le_bytes());
        whole
    }
}

/// The hash of `bytes`.
pub fn of(bytes: &[u8]) -> [u8; 16] {
    let mut hash = ContentHash::default();
    hash.update(bytes);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_content_does_not_depend_on_how_it_was_cut() {
        let mut cut = ContentHash::default();
        for piece in b"export const goal = 'ship';\n".chunks(5) {
            cut.update(piece);
        }
        assert_eq!(cut.finish(), of(b"export const goal = 'ship';\n"));
    }

    #[test]
    fn one_changed_byte_changes_both_halves() {
        let (one, other) = (of(b"port: 3000"), of(b"port: 3001"));
        assert_ne!(one[..8], other[..8]);
        assert_ne!(one[8..], other[8..]);
        assert_ne!(one[..8], one[8..]);
    }
}

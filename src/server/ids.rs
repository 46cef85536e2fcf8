//! Creates ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::{Builder, Uuid};

/// The server's source of ids.
#[derive(Clone)]
pub struct Ids(Arc<dyn Fn() -> [u8; 16] + Send + Sync>);

impl Ids {
    /// Unique random ids.
    pub fn random() -> Self {
        Self(Arc::new(|| Uuid::new_v4().into_bytes()))
    }

    /// The same sequence of ids for the same seed.
    pub fn seeded(seed: u64) -> Self {
        let state = AtomicU64::new(seed);
        Self(Arc::new(move || {
            let (high, low) = (split_mix(&state), split_mix(&state));
            u128::to_be_bytes(u128::from(high) << 64 | u128::from(low))
        }))
    }

    /// A random id without an order.
    pub(crate) fn new_id(&self) -> String {
        self.new_uuid().to_string()
    }

    pub(crate) fn new_uuid(&self) -> Uuid {
        Builder::from_random_bytes((self.0)()).into_uuid()
    }

    /// An id that grows with time, given in milliseconds since 1970. So requests that arrive together are stored
    /// together, in few pages of the index.
    pub(crate) fn new_request_id(&self, now: i64) -> String {
        let [_, _, _, _, _, _, random @ ..] = (self.0)();
        let now = u64::try_from(now).unwrap_or_default();
        Builder::from_unix_timestamp_millis(now, &random).into_uuid().to_string()
    }
}

/// `SplitMix64`: a sequence of pseudorandom numbers from any seed.
fn split_mix(state: &AtomicU64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mixed = state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_grow_with_time() {
        let ids = Ids::random();
        let sorted: Vec<String> =
            [0, 1, 999, 1_700_000_000_000, 1_700_000_000_001].map(|now| ids.new_request_id(now)).into();
        assert!(sorted.is_sorted(), "{sorted:?}");
        assert_eq!(Uuid::parse_str(&sorted[3]).map(|id| id.get_version_num()), Ok(7));
    }

    #[test]
    fn a_seed_determines_all_ids() {
        let some = |seed| {
            let ids = Ids::seeded(seed);
            [ids.new_id(), ids.new_id(), ids.new_request_id(5)]
        };
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        assert_ne!(some(1)[0], some(1)[1]);
    }
}

//! Mappings that several types describe. Each type takes its names while the mapping is read. To copy the names of each type
//! into a mapping of its own would take as long as the rest of the reading.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Takes some names of a mapping, with their values.
pub(super) trait Take {
    /// Takes the value of `name` from the mapping; false if the name belongs to another type.
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// Reads a mapping: `taker` takes its names, and the result has the others.
pub(super) fn others<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    taker: &mut impl Take,
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_map(Shared(taker, PhantomData))
}

struct Shared<'t, K, T>(&'t mut K, PhantomData<T>);

impl<'de, K: Take, T: Deserialize<'de>> Visitor<'de> for Shared<'_, K, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(Others { map, taker: self.0 }))
    }
}

/// The names of a mapping that `taker` does not take.
struct Others<'t, A, K> {
    map: A,
    taker: &'t mut K,
}

impl<'de, A: MapAccess<'de>, K: Take> MapAccess<'de> for Others<'_, A, K> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        while let Some(name) = self.map.next_key::<String>()? {
            if !self.taker.take(&name, &mut self.map)? {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

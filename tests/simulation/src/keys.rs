//! PBKDF2, computed once for each input: a run is about what follows it.

use std::cell::RefCell;
use std::collections::HashMap;

use snapback_proto::sasl::{SaslError, ScramKeyId, ScramKeys};
use snapback_proto::secret::Secret;

use crate::setup::PASSWORD;

thread_local! {
    static DERIVED: RefCell<HashMap<ScramKeyId, ScramKeys>> = RefCell::default();
}

pub(crate) fn derive(id: &ScramKeyId) -> Result<ScramKeys, SaslError> {
    DERIVED.with_borrow_mut(|derived| {
        if let Some(keys) = derived.get(id) {
            return Ok(keys.clone());
        }
        let keys = ScramKeys::derive(id, &Secret::from(PASSWORD))?;
        derived.insert(id.clone(), keys.clone());
        Ok(keys)
    })
}

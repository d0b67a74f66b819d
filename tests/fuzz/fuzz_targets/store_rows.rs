//! The records of the store: no bytes of a row make a decoder panic, and what it can read it writes in one way only. Sealed
//! rows cannot be forged; this is for the day when a key leaks, a cipher fails, or an older version wrote something else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapback_store::testing::check_rows;

fuzz_target!(|plain: &[u8]| check_rows(plain));

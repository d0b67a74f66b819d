//! The records of the store: no bytes of a row make a decoder panic, and a record that it can read has exactly one
//! encoding. Sealed rows cannot be forged; this covers a leaked key, a broken cipher, and older versions with another
//! format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapback_store::testing::check_rows;

fuzz_target!(|plain: &[u8]| check_rows(plain));

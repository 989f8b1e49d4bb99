//! The rules, without I/O.

pub mod api_key;
pub mod claims;
pub mod fold;
pub mod input;
pub mod keys;
pub mod profile;
pub mod refresh;

use rand::TryRngCore as _;

/// Random bytes from the operating system, for keys, secrets and nonces.
pub fn random<const N: usize>() -> parlance_core::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(parlance_core::Error::internal)?;
    Ok(bytes)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

//! The browser's side of RFC 8291, with other primitives than the sender's: HKDF spelled out over HMAC, AES-GCM
//! of another library.

use p256::{PublicKey, SecretKey};
use ring::{aead, hmac};

/// The text, if every byte is right.
pub fn decrypt(body: &[u8], browser: &SecretKey, auth: &[u8]) -> Option<Vec<u8>> {
    let (salt, rest) = body.split_at_checked(16)?;
    let (size, rest) = rest.split_at_checked(4)?;
    let (length, rest) = rest.split_first()?;
    let (sender, sealed) = rest.split_at_checked(*length as usize)?;
    let record_size = u32::from_be_bytes(size.try_into().ok()?) as usize;
    if sender.len() != 65 || sealed.len() > record_size || sealed.len() < 17 {
        return None;
    }
    let shared = p256::ecdh::diffie_hellman(
        browser.to_nonzero_scalar(),
        PublicKey::from_sec1_bytes(sender).ok()?.as_affine(),
    );
    let ours = super::keys::point(browser);
    let key = hkdf(auth, shared.raw_secret_bytes(), &[b"WebPush: info\0", ours.as_slice(), sender].concat());
    let content_key = hkdf(salt, &key, b"Content-Encoding: aes128gcm\0");
    let nonce = hkdf(salt, &key, b"Content-Encoding: nonce\0");

    let opener = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &content_key[..16]).ok()?);
    let nonce = aead::Nonce::try_assume_unique_for_key(&nonce[..12]).ok()?;
    let mut record = sealed.to_vec();
    let text = opener.open_in_place(nonce, aead::Aad::empty(), &mut record).ok()?;
    // Padding behind the delimiter of the last record.
    let end = text.iter().rposition(|byte| *byte != 0)?;
    (text[end] == 2).then(|| text[..end].to_vec())
}

/// The first block of HKDF-SHA256.
fn hkdf(salt: &[u8], input: &[u8], info: &[u8]) -> [u8; 32] {
    let mac = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    let extracted = mac(salt, input);
    mac(extracted.as_ref(), &[info, &[1]].concat()).as_ref().try_into().unwrap()
}

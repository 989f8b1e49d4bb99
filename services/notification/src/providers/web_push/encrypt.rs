//! Message encryption for Web Push (RFC 8291) with the aes128gcm content coding (RFC 8188), in one record.

use aes_gcm::aead::Aead as _;
use aes_gcm::{Aes128Gcm, KeyInit as _};
use hkdf::Hkdf;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::{PublicKey, SecretKey};
use sha2::Sha256;

/// What push services must take (RFC 8030, 7.2).
const MAX_BODY: usize = 4096;
/// Salt, record size, length of the key, key.
const HEADER: usize = 16 + 4 + 1 + 65;
/// The delimiter behind the text, and the tag of AES-GCM.
const AROUND: usize = 1 + 16;
/// Longest text that can be sent.
pub(super) const MAX_PLAINTEXT: usize = MAX_BODY - HEADER - AROUND;
const RECORD_SIZE: u32 = 4096;
const LAST_RECORD: u8 = 2;

/// The body of the request. `None` if the browser's keys are none: a point that is not on the curve, or a
/// secret that is not 16 bytes. `ephemeral` and `salt` are made for this one message.
pub(super) fn encrypt(
    p256dh: &[u8],
    auth: &[u8],
    text: &[u8],
    ephemeral: &SecretKey,
    salt: [u8; 16],
) -> Option<Vec<u8>> {
    if p256dh.len() != 65 || auth.len() != 16 || text.len() > MAX_PLAINTEXT {
        return None;
    }
    let browser = PublicKey::from_sec1_bytes(p256dh).ok()?;
    let ours = ephemeral.public_key().to_encoded_point(false);
    let shared = p256::ecdh::diffie_hellman(ephemeral.to_nonzero_scalar(), browser.as_affine());

    // RFC 8291, 3.4: the shared secret and the browser's become the input of RFC 8188.
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(auth), shared.raw_secret_bytes())
        .expand_multi_info(&[b"WebPush: info\0", p256dh, ours.as_bytes()], &mut key)
        .ok()?;
    // RFC 8188, 2.2 and 2.3.
    let derived = Hkdf::<Sha256>::new(Some(&salt), &key);
    let (mut content_key, mut nonce) = ([0; 16], [0; 12]);
    derived.expand(b"Content-Encoding: aes128gcm\0", &mut content_key).ok()?;
    derived.expand(b"Content-Encoding: nonce\0", &mut nonce).ok()?;

    let record = [text, &[LAST_RECORD]].concat();
    let sealed = Aes128Gcm::new(&content_key.into()).encrypt(&nonce.into(), record.as_slice()).ok()?;

    let mut body = Vec::with_capacity(HEADER + sealed.len());
    body.extend_from_slice(&salt);
    body.extend_from_slice(&RECORD_SIZE.to_be_bytes());
    body.push(65);
    body.extend_from_slice(ours.as_bytes());
    body.extend_from_slice(&sealed);
    Some(body)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    const BROWSER: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    #[test]
    fn the_example_of_rfc_8291_comes_out_byte_by_byte() {
        let ephemeral = SecretKey::from_slice(&bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        let salt: [u8; 16] = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let body = encrypt(&bytes(BROWSER), &bytes(AUTH), text, &ephemeral, salt).unwrap();
        assert_eq!(
            BASE64_URL_SAFE_NO_PAD.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
             AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn keys_that_no_browser_has_and_texts_that_do_not_fit_give_nothing() {
        let ephemeral = SecretKey::from_slice(&[7; 32]).unwrap();
        let (browser, auth) = (bytes(BROWSER), bytes(AUTH));
        let works = |browser: &[u8], auth: &[u8], length: usize| {
            encrypt(browser, auth, &vec![b'x'; length], &ephemeral, [1; 16])
        };
        assert_eq!(works(&browser, &auth, MAX_PLAINTEXT).unwrap().len(), 4096);
        assert!(works(&browser, &auth, MAX_PLAINTEXT + 1).is_none());
        assert!(works(&browser[..64], &auth, 1).is_none());
        assert!(works(&browser, &auth[..15], 1).is_none());
        let mut off_the_curve = browser.clone();
        off_the_curve[64] ^= 1;
        assert!(works(&off_the_curve, &auth, 1).is_none());
        assert!(works(&[0; 65], &auth, 1).is_none());
    }
}

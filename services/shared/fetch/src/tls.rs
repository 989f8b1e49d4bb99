//! The crypto provider of the process.

/// Makes ring the provider, unless one was chosen before. Cheap when repeated.
pub fn install() {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

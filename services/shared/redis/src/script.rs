/// A Lua script, sent once to each server and then named by its hash.
#[derive(Debug)]
pub struct Script {
    pub(crate) text: &'static str,
    pub(crate) hash: String,
}

impl Script {
    pub fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }
}

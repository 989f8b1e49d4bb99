//! Shapes that cannot be derived: what serde sees as a plain string or map and the contract knows better.
//!
//! A field says `#[schema(value_type = UserId)]` (or `Option<UserId>`); in the description these shapes
//! stand in place, not behind a reference.

use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Required, SchemaFormat};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::convert::{Shared, Time};
use super::request::IdempotencyKey;

/// Marks a field of answers that may be absent, though it may also be null.
pub const MAY_BE_ABSENT: &str = "x-may-be-absent";

/// Everything but control characters.
const PRINTABLE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// As [`PRINTABLE`], and something else than white space in it.
const PRINTABLE_NOT_BLANK: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// Something else than white space, and no NUL.
const NOT_BLANK: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";
/// No NUL.
const NO_NUL: &str = r"^[^\u0000]*$";
/// Control characters apart from line breaks and tabs stay out.
const LINES: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
/// What fits in a header.
const VISIBLE: &str = "^[!-~]*$";
/// An http or https URL (RFC 3986).
const HTTP_URL: &str =
    r"^https?://[A-Za-z0-9.-]*[A-Za-z0-9](:[0-9]{1,4})?([/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?$";
/// The same or nothing.
const HTTP_URL_OR_EMPTY: &str =
    r"^(https?://[A-Za-z0-9.-]*[A-Za-z0-9](:[0-9]{1,4})?([/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?)?$";
/// An https URL.
const HTTPS_URL: &str =
    r"^https://[A-Za-z0-9.-]*[A-Za-z0-9](:[0-9]{1,4})?([/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?$";
/// Something that could be delivered to.
const ADDRESS: &str = r"^[^@\s\u0000-\u001f\u007f-\u009f]+@[^@\s\u0000-\u001f\u007f-\u009f]+$";
/// The same or nothing.
const ADDRESS_OR_EMPTY: &str = r"^([^@\s\u0000-\u001f\u007f-\u009f]+@[^@\s\u0000-\u001f\u007f-\u009f]+)?$";
/// The same, at a host with a dot.
const ADDRESS_AT_DOMAIN: &str = r"^[^@\s\u0000-\u001f\u007f-\u009f]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$";
/// A time of day.
const HOURS_AND_MINUTES: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";

/// Kinds of values. None has any: they only describe.
macro_rules! kinds {
    ($(#[doc = $doc:literal] $name:ident = $object:expr;)+) => {
        $(
            #[doc = $doc]
            pub enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let object: ObjectBuilder = $object;
                    object.description(Some($doc.trim())).into()
                }
            }

            impl ToSchema for $name {}
        )+

        /// The shape of a kind of values; `None` if it is none.
        pub fn kind_named(name: &str) -> Option<RefOr<Schema>> {
            match name {
                "Time" => Some(Time::schema()),
                $(stringify!($name) => Some($name::schema()),)+
                _ => None,
            }
        }
    };
}

kinds! {
    /// An id that we have given: channel, message, workspace.
    Id = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    /// An id that the app has given: any text of up to 255 bytes.
    UserId = text().min_length(Some(1)).max_length(Some(255)).pattern(Some(PRINTABLE_NOT_BLANK));
    /// A name of people and channels.
    Name = text().max_length(Some(255)).pattern(Some(PRINTABLE));
    /// The name of a new channel.
    GivenName = text().min_length(Some(1)).max_length(Some(255)).pattern(Some(PRINTABLE));
    /// What a channel is about; may have line breaks.
    Description = text().max_length(Some(1000)).pattern(Some(LINES));
    /// An absolute http or https URL.
    Url = text().max_length(Some(2048)).pattern(Some("^[Hh][Tt][Tt][Pp][Ss]?://"));
    /// An absolute http or https URL in a request.
    GivenUrl = text().max_length(Some(2048)).pattern(Some(HTTP_URL)).examples([FILE]);
    /// An absolute http or https URL; empty for none.
    GivenImage = text().max_length(Some(2048)).pattern(Some(HTTP_URL_OR_EMPTY)).examples([FILE]);
    /// An e-mail address.
    Email = text().max_length(Some(320)).pattern(Some(ADDRESS)).examples([PERSON]);
    /// An e-mail address; empty for none.
    GivenEmail = text().max_length(Some(320)).pattern(Some(ADDRESS_OR_EMPTY)).examples([PERSON]);
    /// The name of a realtime channel: `chat:<app id>:<channel id>` or `user:<app id>:<user id>`.
    StreamName = text().min_length(Some(1)).max_length(Some(255));
    /// A client's own key, by which a repeat is known.
    Key = text().max_length(Some(255)).pattern(Some(PRINTABLE));
    /// The text of a message.
    MessageText = text().max_length(Some(10_000)).pattern(Some(NO_NUL));
    /// The text of a message, not blank.
    GivenText = text().min_length(Some(1)).max_length(Some(10_000)).pattern(Some(NOT_BLANK));
    /// An emoji, or a name like `:tada:`.
    Emoji = text()
        .min_length(Some(1))
        .max_length(Some(50))
        .pattern(Some(PRINTABLE_NOT_BLANK))
        .examples(["👍"]);
    /// What a member may do, highest first.
    Role = words(["owner", "admin", "moderator", "member"]);
    /// A kind of channel.
    ChannelType = words(["messaging", "group", "team", "livestream", "public", "private"]);
    /// Whether a message is still there.
    MessageType = words(["regular", "deleted"]);
    /// When somebody was last active; null if never, absent if he is deleted.
    LastActive = time()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .extensions(Some(ExtensionsBuilder::new().add(MAY_BE_ABSENT, true).build()));
    /// How far a message has come.
    MessageStatus = words(["sent"]);
    /// What an attachment is.
    AttachmentType = words(["image", "video", "audio", "file", "giphy", "voicenote"]);
    /// What a linked page is.
    LinkType = words(["website", "video", "article"]);
    /// What the app keeps with a user: any fields, and `email` where it is shown.
    Custom = fields();
    /// What the app wants to keep with a user, laid over what it keeps: null removes a field. 5 KiB at most.
    GivenCustom = fields();
    /// The name of a workspace; no other of the app has it, in whatever case.
    WorkspaceName = text().min_length(Some(1)).max_length(Some(255)).pattern(Some(PRINTABLE_NOT_BLANK));
    /// A kind of workspace.
    WorkspaceType = words(["team", "project", "conference", "chapter"]);
    /// What a member of a workspace may do, highest first.
    WorkspaceRole = words(["owner", "admin", "member"]);
    /// What the app keeps with a workspace: any fields, 5 KiB at most.
    WorkspaceConfig = fields();
    /// The secret of an invite.
    InviteToken = text().pattern(Some("^[0-9a-f]{64}$"));
    /// Whom an invite is for.
    InvitedEmail = text().max_length(Some(255)).pattern(Some(ADDRESS_AT_DOMAIN)).examples([PERSON]);
    /// What a device runs.
    Platform = words(["ios", "android", "expo", "web"]);
    /// Which service notifications of a device go through.
    PushProvider = words(["fcm", "apns", "expo"]);
    /// What a push service calls a device: up to 4096 bytes.
    PushToken = text().min_length(Some(1)).max_length(Some(4096)).pattern(Some(PRINTABLE));
    /// What the client calls a device: up to 255 bytes.
    DeviceId = text().max_length(Some(255)).pattern(Some(PRINTABLE));
    /// A version of the app on a device: up to 64 bytes.
    AppVersion = text().max_length(Some(64)).pattern(Some(PRINTABLE)).examples(["1.0.0"]);
    /// A time of day, `HH:MM`.
    Clock = text().pattern(Some(HOURS_AND_MINUTES)).examples(["22:00"]);
    /// The name of a time zone in the IANA database.
    Timezone = text().min_length(Some(1)).examples(["Europe/Berlin"]);
    /// Where a browser's push service takes notifications.
    PushEndpoint = text().max_length(Some(4096)).pattern(Some(HTTPS_URL)).examples([ENDPOINT]);
    /// A public key on the curve P-256: an uncompressed point of 65 bytes in base64url.
    PublicKey = text().pattern(Some("^[A-Za-z0-9_-]{87}=?$")).examples([POINT]);
    /// A browser's secret: 16 bytes in base64url.
    PushSecret = text().pattern(Some("^[A-Za-z0-9_-]{22}(==)?$")).examples([SECRET]);
}

/// Examples.
const FILE: &str = "https://example.com/image.png";
const PERSON: &str = "alice@example.com";
const ENDPOINT: &str = "https://push.example.com/subscription";
/// Of the example in RFC 8291.
const POINT: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const SECRET: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// An object with whatever fields.
fn fields() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
}

fn words<const N: usize>(words: [&str; N]) -> ObjectBuilder {
    text().enum_values(Some(words))
}

fn time() -> ObjectBuilder {
    text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .pattern(Some(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"))
        .examples(["2026-01-31T12:00:00.000Z"])
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        time().into()
    }
}

impl ToSchema for Time {}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "A repeat with the same key is answered with the first result.";
        let parameter = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
        let key = text().max_length(Some(255)).pattern(Some(VISIBLE));
        vec![parameter.description(Some(about)).required(Required::False).schema(Some(key)).build()]
    }
}

impl<T: PartialSchema> PartialSchema for Shared<T> {
    fn schema() -> RefOr<Schema> {
        T::schema()
    }
}

impl<T: ToSchema> ToSchema for Shared<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

//! Android's certificate verifier is written in Kotlin. Before it can be called, it has to be told where Java is.

use crate::error::OpenError;

/// The verifier can be called.
///
/// # Errors
///
/// [`OpenError::VerifierNotInitialized`]. Without this question the verifier would panic at the first certificate.
#[cfg(not(target_os = "android"))]
pub(crate) fn verifier_is_ready() -> Result<(), OpenError> {
    check(true)
}

#[cfg(target_os = "android")]
pub(crate) fn verifier_is_ready() -> Result<(), OpenError> {
    check(java::is_initialized())
}

fn check(is_ready: bool) -> Result<(), OpenError> {
    if is_ready {
        Ok(())
    } else {
        Err(OpenError::VerifierNotInitialized)
    }
}

#[cfg(target_os = "android")]
mod java {
    use std::sync::atomic::{AtomicBool, Ordering};

    use jni::EnvUnowned;
    use jni::objects::{JClass, JObject};
    use jni::sys::jboolean;

    static INITIALIZED: AtomicBool = AtomicBool::new(false);

    pub(super) fn is_initialized() -> bool {
        INITIALIZED.load(Ordering::Acquire)
    }

    /// `im.snapback.android.Verifier.initialize(Context)`: whether it worked. Java calls this; nobody else should.
    #[unsafe(no_mangle)]
    extern "system" fn Java_im_snapback_android_Verifier_initialize<'local>(
        mut env: EnvUnowned<'local>,
        _class: JClass<'local>,
        context: JObject<'local>,
    ) -> jboolean {
        let outcome = env.with_env(|env| {
            rustls_platform_verifier::android::init_with_env(env, context)?;
            INITIALIZED.store(true, Ordering::Release);
            Ok::<jboolean, jni::errors::Error>(true)
        });
        // What Java threw stays with Java; here it only means no.
        match outcome.into_outcome() {
            jni::Outcome::Ok(initialized) => initialized,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t10_a_verifier_that_was_not_initialised_is_a_typed_error() {
        assert_eq!(check(false), Err(OpenError::VerifierNotInitialized));
        assert_eq!(check(true), Ok(()));
    }
}

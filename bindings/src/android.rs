//! Initialisation of Android's certificate verifier. It is written in Kotlin and needs the Java VM before it can be
//! called.

use crate::error::OpenError;

/// Checks that the verifier can be called.
///
/// # Errors
///
/// [`OpenError::VerifierNotInitialized`] if it cannot. Without this check the verifier would panic at the first
/// certificate.
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

    /// Implements `im.snapback.android.Verifier.initialize(Context)`, which returns whether it succeeded. Only Java
    /// calls this function.
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
        // An exception remains on the Java side; here it only means failure.
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

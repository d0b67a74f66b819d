plugins {
    alias(libs.plugins.android)
    alias(libs.plugins.kotlin)
}

android {
    namespace = "org.example.chat"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.example.chat"
        minSdk = 24
        targetSdk = 36
        versionCode = 1
        versionName = "1"
        // JNA's AAR has libraries for others, too, and Snapback has none for those.
        ndk { abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64", "x86") }
    }

    buildTypes {
        release {
            // The rules of the library are in its AAR.
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }
}

dependencies {
    implementation(libs.snapback)
}

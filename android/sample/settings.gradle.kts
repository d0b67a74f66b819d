pluginManagement {
    repositories {
        google()
        mavenCentral()
    }
}

dependencyResolutionManagement {
    repositories {
        google()
        mavenCentral()
        // Written by `cargo xtask aar`.
        maven(url = "../../target/android/repository")
    }
}

rootProject.name = "chat"

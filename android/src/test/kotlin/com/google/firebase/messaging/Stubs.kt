package com.google.firebase.messaging

import android.app.Service
import android.content.Intent
import android.os.IBinder

/** Stands for Firebase, which is not a dependency, so that the guide's examples are compiled. */
abstract class FirebaseMessagingService : Service() {
    open fun onMessageReceived(message: RemoteMessage) = Unit

    open fun onNewToken(token: String) = Unit

    override fun onBind(intent: Intent): IBinder? = null
}

class RemoteMessage

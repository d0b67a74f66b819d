package androidx.work

import android.content.Context

/** Stands for WorkManager, which is not a dependency, so that the guide's examples are compiled. */
abstract class CoroutineWorker(
    val applicationContext: Context,
    @Suppress("UNUSED_PARAMETER") parameters: WorkerParameters,
) {
    abstract suspend fun doWork(): Result

    enum class Result {
        SUCCESS,
        RETRY,
        ;

        companion object {
            fun success(): Result = SUCCESS

            fun retry(): Result = RETRY
        }
    }
}

class WorkerParameters

enum class OutOfQuotaPolicy { RUN_AS_NON_EXPEDITED_WORK_REQUEST }

enum class ExistingWorkPolicy { KEEP }

class OneTimeWorkRequest

class OneTimeWorkRequestBuilder<T : CoroutineWorker> {
    @Suppress("UNUSED_PARAMETER")
    fun setExpedited(policy: OutOfQuotaPolicy): OneTimeWorkRequestBuilder<T> = this

    fun build(): OneTimeWorkRequest = OneTimeWorkRequest()
}

class WorkManager {
    @Suppress("UNUSED_PARAMETER")
    fun enqueueUniqueWork(
        name: String,
        policy: ExistingWorkPolicy,
        request: OneTimeWorkRequest,
    ) = Unit

    companion object {
        @Suppress("UNUSED_PARAMETER")
        fun getInstance(context: Context): WorkManager = WorkManager()
    }
}

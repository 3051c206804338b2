from __future__ import annotations

from rest_framework.routers import SimpleRouter

from benchmarks.plain.viewsets import TransactionViewSet

router = SimpleRouter()
router.register("transactions", TransactionViewSet)
urlpatterns = router.urls

from django.urls import URLPattern, URLResolver, include, path

from bookstore import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("visitor/", views.visitor, name="visitor"),
    path("", include("catalog.urls")),
    path("", include("leaderboard.urls")),
    path("", include("cart.urls")),
    path("", include("orders.urls")),
    path("", include("bookstore.accounts.urls")),
    path("sitemap.xml", views.sitemap, name="sitemap"),
    path("sitemap-<int:part>.xml", views.sitemap, name="sitemap-part"),
    path("robots.txt", views.robots, name="robots"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("favicon.ico", views.favicon, name="favicon"),
]

handler500 = "bookstore.views.broken"

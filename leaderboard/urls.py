from django.urls import path

from leaderboard import views

app_name = "leaderboard"

urlpatterns = [
    path("bestsellers/", views.bestsellers, name="bestsellers"),
    path("top-rated/", views.top_rated, name="top-rated"),
]

from django.urls import path

from catalog import views

app_name = "catalog"

urlpatterns = [
    path("categories/", views.categories, name="categories"),
    path("categories/<str:slug>/", views.category, name="category"),
    path("books/<str:book_id>/", views.book, name="book-without-slug"),
    path("books/<str:book_id>/cover.svg", views.cover, name="cover"),
    path("books/<str:book_id>/<str:slug>/", views.book, name="book"),
    path("authors/<str:slug>/", views.author, name="author"),
    path("search/", views.search, name="search"),
    path("search/suggest/", views.suggest, name="suggest"),
]

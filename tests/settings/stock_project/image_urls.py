from shop.urls import *

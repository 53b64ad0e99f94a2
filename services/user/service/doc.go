// Package service is the user service: it owns schema user, signs people in with
// the identity provider, and says who they are and what they may do. It answers
// as openapi.yaml describes and never asks another data service anything, but to
// erase who has left.
package service
